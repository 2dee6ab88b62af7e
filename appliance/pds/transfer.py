"""Account migration: take a whole repository in, checked from its signature to its last record.

An archive is read three times: as it comes, into a spool; along its tree, where every record is
decoded once and what its row needs is put aside; and in the transaction that writes the rows. None
of it holds more than a few hundred records in memory.
"""

import asyncio
import marshal
import tempfile
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

from appliance.atproto import cbor, data
from appliance.atproto.car import CarReader
from appliance.atproto.cid import Cid
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.repo.commit import Commit, parse_commit
from appliance.atproto.repo.mst_stream import checked_items
from appliance.atproto.syntax import Did, Nsid, RecordKey
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds import blobs, records, repos
from appliance.pds.blobs import BlobStore
from appliance.pds.records import RecordRow
from appliance.pds.spool import Spool

MAX_IMPORT_BYTES: Final = 4_000_000_000
# Records that stand at several paths come once in an archive and several times in our rows: so
# much more may the rows hold than the archive.
_MOST_REPEATED: Final = 4
_ALWAYS_ALLOWED: Final = 64_000_000
_ROWS_TOGETHER: Final = 250
_MARK_OF_BLOBS: Final = b"mimeType"  # no reference to a blob is without it

Phase = Literal["receiving", "checking", "writing"]
# Path, CID, subject, CIDs of blobs.
_Staged: TypeAlias = tuple[str, bytes, int | None, list[bytes]]


class InvalidImport(ValueError):
    """The archive is not a repository of this account that could be taken in."""

    xrpc_name = "InvalidRequest"


@dataclass
class ImportProgress:
    """How far an import is: bytes while it is received, records after that; `of` 0: unknown."""

    did: Did
    started_us: int
    phase: Phase = "receiving"
    done: int = 0
    of: int = 0

    def enter(self, phase: Phase, of: int) -> None:
        self.phase, self.done, self.of = phase, 0, of


@dataclass(frozen=True)
class _Import:
    """A repository that passed all checks: its commit, its blocks, its rows in a file."""

    commit: Commit
    blocks: Spool
    rows: BinaryIO
    progress: ImportProgress

    def staged(self) -> Iterator[RecordRow]:
        """Give the rows in the tree's order, without the blobs."""
        for path, cid, subject, _ in self._staged():
            self.progress.done += 1
            known = Cid(cid)
            yield RecordRow(path, known, self.blocks[known], subject)

    def blobs(self) -> Iterator[tuple[str, list[Cid]]]:
        """Give the paths of records that refer to blobs, with these."""
        for path, _, _, found in self._staged():
            if found:
                yield path, [Cid(cid) for cid in found]

    def _staged(self) -> Iterator[_Staged]:
        self.rows.seek(0)
        while batch := marshal.load(self.rows):  # noqa: S302
            yield from batch


class RepoImporter:
    """Take repositories in from CAR archives."""

    def __init__(
        self, db: Database, blob_store: BlobStore, resolver: IdentityResolver, clock: Clock
    ) -> None:
        self._db = db
        self._blobs = blob_store
        self._resolver = resolver
        self._clock = clock
        self._running: list[ImportProgress] = []

    def running(self) -> list[ImportProgress]:
        """The imports that are under way."""
        return list(self._running)

    async def take(
        self, did: Did, archive: AsyncIterable[bytes], *, active: bool, size: int = 0
    ) -> None:
        """Make a hosted repo what a CAR archive says; its head becomes the archive's commit.

        The commit must be this account's, signed with the key its DID document names, and the
        archive must hold the whole tree. Blobs of the records are expected from then on. The repo
        of an active account can only go forward, and the new state is announced. `size` is what
        the archive is said to have, for the progress alone.

        Raises InvalidCar or InvalidImport, and what resolving the DID raises; then nothing changes.
        """
        with self._watched(did, size) as progress, Spool(self._folder) as blocks:
            root = await _receive(archive, blocks, progress)
            commit = _read_commit(did, root, blocks)
            document = await self._resolver.document(did, fresh=True)
            if document.signing_key is None or not commit.verify(document.signing_key):
                raise InvalidImport("The commit is not signed with the account's key")
            with tempfile.TemporaryFile(dir=self._folder) as rows:
                new = _Import(commit, blocks, rows, progress)
                count = await asyncio.to_thread(_check, new)
                progress.enter("writing", count)
                await self._db.write(self._replace, new, active)

    @property
    def _folder(self) -> Path:
        return self._db.path.parent

    @contextmanager
    def _watched(self, did: Did, size: int) -> Iterator[ImportProgress]:
        progress = ImportProgress(did, self._clock.now_us(), of=size)
        self._running.append(progress)
        try:
            yield progress
        finally:
            self._running.remove(progress)

    def _replace(self, conn: Connection, new: _Import, active: bool) -> None:
        commit = new.commit
        head = repos.load_head(conn, commit.did)
        if commit.cid == head.commit_cid:
            return
        if active and commit.rev <= head.rev:
            raise InvalidImport(f"The repo is already at {head.rev}, newer than {commit.rev}")
        released = _replace_records(conn, head.id, new)
        dropped = blobs.drop_unreferenced(conn, head.id, released)
        conn.after_commit(lambda: self._blobs.discard_files(dropped))
        repos.set_head(conn, head.id, commit)
        if active:
            repos.append_sync(conn, commit, self._clock.now_us())


def _replace_records(conn: Connection, repo: int, new: _Import) -> list[Cid]:
    """Turn the record rows into the new ones; name the blobs whose references went."""
    rev = new.commit.rev
    present = dict(records.leaves(conn, repo))
    released: list[Cid] = []
    if not present:
        records.insert_all(conn, repo, new.staged(), rev)
    else:
        for row in new.staged():
            before = present.pop(row.path, None)
            if before == row.cid:
                continue
            if before is None:
                records.insert(conn, repo, row, rev)
            else:
                released += blobs.release(conn, repo, row.path)
                records.update(conn, repo, row, rev)
    for path in present:
        released += blobs.release(conn, repo, path)
        records.delete(conn, repo, path, rev)
    for path, cids in new.blobs():
        blobs.expect(conn, repo, path, cids)
    return released


async def _receive(archive: AsyncIterable[bytes], blocks: Spool, progress: ImportProgress) -> Cid:
    """Store the blocks of an archive as they come; give its root. Raises InvalidCar."""
    reader = CarReader()
    async for chunk in archive:
        progress.done += len(chunk)
        if progress.done > MAX_IMPORT_BYTES:
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


def _check(new: _Import) -> int:
    """Check that the tree is whole and canonical, and every record sound; put the rows aside.

    Gives the number of records.
    """
    most = _ALWAYS_ALLOWED + _MOST_REPEATED * new.progress.done
    new.progress.enter("checking", len(new.blocks))
    try:
        _stage(new, most)
    except KeyError as missing:
        raise InvalidImport(f"The archive lacks the record {missing.args[0]}") from missing
    except ValueError as bad:
        raise InvalidImport(f"The repository is damaged: {bad}") from bad
    return new.progress.done


def _stage(new: _Import, most: int) -> None:
    batch: list[_Staged] = []
    collections: set[str] = set()
    for path, cid in checked_items(new.commit.data, new.blocks):
        block = new.blocks[cid]
        most -= len(block)
        if most < 0:
            raise InvalidImport("The same records stand at too many paths")
        batch.append(_row(path, cid, block, collections))
        new.progress.done += 1
        if len(batch) == _ROWS_TOGETHER:
            marshal.dump(batch, new.rows)
            batch = []
    for last in (batch, []) if batch else ([],):
        marshal.dump(last, new.rows)
    new.rows.flush()


def _row(path: str, cid: Cid, block: bytes, collections: set[str]) -> _Staged:
    """Check a record, and give what its row needs beside the block."""
    value = cbor.decode(block)
    collection, _, rkey = path.partition("/")
    if collection not in collections:
        collections.add(Nsid(collection))
    RecordKey(rkey)
    if type(value) is not dict:
        raise InvalidImport(f"The record at {path} is not an object")
    found: Iterable[bytes] = ()
    if _MARK_OF_BLOBS in block:
        found = (blob.cid for blob in data.find_blobs(value))
    return path, cid, records.subject_key(collection, value), list(found)
