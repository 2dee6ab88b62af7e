"""Account migration: take a whole repository in, checked from its signature to its last record."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.atproto import cbor, data
from appliance.atproto.car import CarReader
from appliance.atproto.cbor import Value
from appliance.atproto.cid import Cid
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.repo.commit import Commit, parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.syntax import Did, Nsid, RecordKey
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds import blobs, records, repos
from appliance.pds.blobs import BlobStore

MAX_IMPORT_BYTES: Final = 4_000_000_000
_MAX_BLOCKS: Final = 4_000_000


class InvalidImport(ValueError):
    """The archive is not a repository of this account that could be taken in."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class _Import:
    """A repository that passed all checks; `leaves` is (path, CID) in the tree's order."""

    commit: Commit
    leaves: list[tuple[str, Cid]]


class RepoImporter:
    """Take repositories in from CAR archives."""

    def __init__(
        self, db: Database, blob_store: BlobStore, resolver: IdentityResolver, clock: Clock
    ) -> None:
        self._db = db
        self._blobs = blob_store
        self._resolver = resolver
        self._clock = clock

    async def take(self, did: Did, archive: AsyncIterable[bytes], *, active: bool) -> None:
        """Make a hosted repo what a CAR archive says; its head becomes the archive's commit.

        The commit must be this account's, signed with the key its DID document names, and the
        archive must hold the whole tree. Blobs of the records are expected from then on. The repo
        of an active account can only go forward, and the new state is announced.

        Raises InvalidCar or InvalidImport, and what resolving the DID raises; then nothing changes.
        """
        with _Spool(self._db.path.parent) as blocks:
            root = await _receive(archive, blocks)
            commit = _read_commit(did, root, blocks)
            document = await self._resolver.document(did, fresh=True)
            if document.signing_key is None or not commit.verify(document.signing_key):
                raise InvalidImport("The commit is not signed with the account's key")
            checked = await asyncio.to_thread(_check, commit, blocks)
            await self._db.write(self._replace, checked, blocks, active)

    def _replace(
        self, conn: Connection, new: _Import, blocks: Mapping[Cid, bytes], active: bool
    ) -> None:
        commit = new.commit
        head = repos.load_head(conn, commit.did)
        if commit.cid == head.commit_cid:
            return
        if active and commit.rev <= head.rev:
            raise InvalidImport(f"The repo is already at {head.rev}, newer than {commit.rev}")
        released = _replace_records(conn, head.id, new, blocks)
        dropped = blobs.drop_unreferenced(conn, head.id, released)
        conn.after_commit(lambda: self._blobs.discard_files(dropped))
        repos.set_head(conn, head.id, commit)
        if active:
            repos.append_sync(conn, commit, self._clock.now_us())


def _replace_records(
    conn: Connection, repo: int, new: _Import, blocks: Mapping[Cid, bytes]
) -> list[Cid]:
    """Turn the record rows into the new ones; name the blobs whose references went."""
    rev = new.commit.rev
    released: list[Cid] = []
    present = dict(records.leaves(conn, repo))
    for path, cid in new.leaves:
        before = present.pop(path, None)
        if before == cid:
            continue
        block = blocks[cid]
        value = cbor.decode(block)
        row = records.row_of(path, block, value)
        if before is None:
            records.insert(conn, repo, row, rev)
        else:
            released += blobs.release(conn, repo, path)
            records.update(conn, repo, row, rev)
        blobs.expect(conn, repo, path, data.find_blobs(value))
    for path in present:
        released += blobs.release(conn, repo, path)
        records.delete(conn, repo, path, rev)
    return released


async def _receive(archive: AsyncIterable[bytes], blocks: "_Spool") -> Cid:
    """Store the blocks of an archive as they come; give its root. Raises InvalidCar."""
    reader = CarReader()
    received = 0
    async for chunk in archive:
        received += len(chunk)
        if received > MAX_IMPORT_BYTES:
            raise InvalidImport(f"The archive is larger than {MAX_IMPORT_BYTES} bytes")
        for cid, block in reader.feed(chunk):
            blocks.add(cid, block)
    reader.finish()
    if len(reader.roots) != 1:
        raise InvalidImport("The archive must have one root, the commit")
    return reader.roots[0]


def _read_commit(did: Did, root: Cid, blocks: Mapping[Cid, bytes]) -> Commit:
    if root not in blocks:
        raise InvalidImport("The archive lacks the commit it names")
    commit = parse_commit(blocks[root])
    if commit.did != did:
        raise InvalidImport(f"The repository is that of {commit.did}, not of {did}")
    return commit


def _check(commit: Commit, blocks: Mapping[Cid, bytes]) -> _Import:
    """Check that the tree is whole and canonical, and that every record can be read."""
    try:
        leaves = list(Mst.load(commit.data, blocks).items())
        for path, cid in leaves:
            _check_record(path, cbor.decode(blocks[cid]))
    except KeyError as missing:
        raise InvalidImport(f"The archive lacks the record {missing.args[0]}") from missing
    except ValueError as bad:
        raise InvalidImport(f"The repository is damaged: {bad}") from bad
    if Mst.build(leaves).root != commit.data:
        raise InvalidImport("The tree does not have its canonical form")
    return _Import(commit, leaves)


def _check_record(path: str, value: Value) -> None:
    collection, _, rkey = path.partition("/")
    Nsid(collection)
    RecordKey(rkey)
    if not isinstance(value, dict):
        raise InvalidImport(f"The record at {path} is not an object")


class _Spool(Mapping[Cid, bytes]):
    """Blocks in a file without a name, so that an import costs little memory."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._places: dict[Cid, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, cid: Cid, block: bytes) -> None:
        """Store a block, once."""
        if cid in self._places:
            return
        if len(self._places) >= _MAX_BLOCKS:
            raise InvalidImport(f"The archive has more than {_MAX_BLOCKS} blocks")
        self._file.write(block)
        self._places[cid] = self._end, len(block)
        self._end += len(block)

    def __getitem__(self, cid: Cid) -> bytes:
        start, length = self._places[cid]
        self._file.flush()
        return os.pread(self._file.fileno(), length, start)

    def __iter__(self) -> Iterator[Cid]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
