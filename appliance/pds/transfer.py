"""Account migration: take a whole repository in, checked from its signature to its last record.

An archive is read three times: as it comes, into a spool; along its tree, where every record is
decoded once and what its row needs is put aside; and in the transaction that writes the rows. None
of it holds more than a few hundred records in memory.
"""

import asyncio
import marshal
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal

from appliance.atproto import cbor, data
from appliance.atproto.car import CarReader
from appliance.atproto.cbor import Value
from appliance.atproto.cid import Cid
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.repo.commit import Commit, parse_commit
from appliance.atproto.repo.mst_stream import checked_items
from appliance.atproto.spool import MAX_BLOCKS, Spool, TooManyBlocks
from appliance.atproto.syntax import Did, Nsid, RecordKey
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.base.room import named
from appliance.base.turns import Turns
from appliance.pds import accounts, announced_revs, blobs, records, repos
from appliance.pds.blobs import BlobStore, RefArgs
from appliance.pds.records import RecordArgs

# Records that stand at several paths come once in an archive and several times in our rows: so
# much more may the rows hold than the archive.
_MOST_REPEATED: Final = 4
_ALWAYS_ALLOWED: Final = 64_000_000
_ROWS_TOGETHER: Final = 500
_BYTES_TOGETHER: Final = 1_000_000
_MARK_OF_BLOBS: Final = b"mimeType"  # no reference to a blob is without it

Phase = Literal["receiving", "checking", "writing"]
_END: Final = ((), ())
_LAST: Final = "\x7f"  # behind all paths
_COLLECTIONS_REMEMBERED: Final = 1000


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
    """A repository that is checked: its commit and blocks, the repo it is for, rows in a file."""

    commit: Commit
    blocks: Spool
    repo: int
    rows: BinaryIO
    progress: ImportProgress

    def batches(self) -> Iterator[tuple[list[RecordArgs], list[RefArgs]]]:
        """Give the rows in the tree's order, as they are written: records, what they refer to."""
        self.rows.seek(0)
        while (batch := marshal.load(self.rows)) != _END:  # noqa: S302
            yield batch
            self.progress.done += len(batch[0])


class RepoImporter:
    """Take repositories in from CAR archives."""

    def __init__(
        self,
        db: Database,
        blob_store: BlobStore,
        resolver: IdentityResolver,
        clock: Clock,
        limit: int,
    ) -> None:
        """`limit`: the most bytes an archive may have; 0 takes none."""
        self._db = db
        self._limit = limit
        self._blobs = blob_store
        self._resolver = resolver
        self._clock = clock
        self._running: list[ImportProgress] = []
        self._turns: Turns[Did] = Turns()
        # Between two of them the writes of members have their turn.
        self._writing = asyncio.Lock()

    def running(self) -> list[ImportProgress]:
        """The imports that are under way."""
        return list(self._running)

    async def take(self, did: Did, archive: AsyncIterable[bytes], *, size: int = 0) -> None:
        """Make a hosted repo what a CAR archive says; its head becomes the archive's commit.

        The commit must be this account's, signed with the key its DID document names, and the
        archive must hold the whole tree. Blobs of the records are expected from then on. The repo
        of an active account can only go forward, and the new state is announced. One archive of an
        account is read at a time: who comes again after a broken connection waits for the first.
        `size` is what the archive is said to have, for the progress alone.

        Raises NoRoom, InvalidCar or InvalidImport, and what resolving the DID raises; then nothing
        changes.
        """
        self._db.room.require()
        if not self._limit:
            raise InvalidImport("Service is not accepting repo imports")
        async with self._turns.of(did):
            with named():
                await self._take(did, archive, size)

    async def _take(self, did: Did, archive: AsyncIterable[bytes], size: int) -> None:
        with self._watched(did, size) as progress, Spool(self._folder) as blocks:
            root = await _receive(self._while_there_is_room(archive), blocks, progress, self._limit)
            commit = _read_commit(did, root, blocks)
            document = await self._resolver.document(did, fresh=True)
            if document.signing_key is None or not commit.verify(document.signing_key):
                raise InvalidImport("The commit is not signed with the account's key")
            repo = self._db.read_one(repos.REPO_ID, did)
            if repo is None:
                raise repos.RepoNotFound(did)
            with tempfile.TemporaryFile(dir=self._folder) as rows:
                new = _Import(commit, blocks, repo[0], rows, progress)
                count = await asyncio.to_thread(_check, new, self._db.room.require)
                progress.enter("writing", count)
                async with self._writing:
                    await self._db.write(self._replace, new)

    async def _while_there_is_room(self, archive: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Give an archive as it comes: what it takes of the disk others need. Raises NoRoom."""
        async for chunk in archive:
            self._db.room.require()
            yield chunk

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

    def _replace(self, conn: Connection, new: _Import) -> None:
        commit = new.commit
        account = accounts.get(conn, commit.did)
        active = account is not None and account.is_active
        head = repos.load_head(conn, commit.did)
        if head.id != new.repo:
            raise repos.RepoNotFound(commit.did)  # and one of the same name was opened since
        if commit.cid == head.commit_cid:
            return
        if active and commit.rev <= head.rev:
            raise InvalidImport(f"The repo is already at {head.rev}, newer than {commit.rev}")
        if commit.rev < head.rev:
            announced_revs.note(conn, head.id, head.rev)
        released = _replace_records(conn, head.id, new, self._db.room.require)
        dropped = blobs.drop_unreferenced(conn, head.id, released)
        conn.after_commit(lambda: self._blobs.discard_files(dropped))
        repos.set_head(conn, head.id, commit)
        if active:
            repos.append_sync(conn, commit, self._clock.now_us())


def _replace_records(
    conn: Connection, repo: int, new: _Import, still_fits: Callable[[], None]
) -> list[Cid]:
    """Turn the record rows into the new ones; name the blobs whose references went.

    Both come in the order of their paths. `still_fits` is called between batches.
    """
    released: list[Cid] = []
    old = _old_rows(conn, repo)
    head = next(old, None)
    for rows, refs in new.batches():
        still_fits()
        if head is None:
            records.insert_all(conn, rows)
        else:
            for row in rows:
                _, path, cid, *_ = row
                while head is not None and head[0] < path:
                    released += blobs.release(conn, repo, head[0])
                    records.delete(conn, repo, head[0], new.commit.rev)
                    head = next(old, None)
                if head is None or head[0] != path:
                    records.insert_all(conn, [row])
                    continue
                if head[1] != cid:
                    released += blobs.release(conn, repo, path)
                    records.update_all(conn, [row])
                head = next(old, None)
        blobs.expect_all(conn, refs)
    while head is not None:
        released += blobs.release(conn, repo, head[0])
        records.delete(conn, repo, head[0], new.commit.rev)
        head = next(old, None)
    return released


def _old_rows(conn: Connection, repo: int) -> Iterator[tuple[str, Cid]]:
    """Yield (path, CID) of the rows there are, some at a time, so that those behind may change."""
    after = ""
    while some := list(islice(records.leaves_between(conn, repo, after, _LAST), _ROWS_TOGETHER)):
        yield from some
        after = some[-1][0]


async def _receive(
    archive: AsyncIterable[bytes], blocks: Spool, progress: ImportProgress, limit: int
) -> Cid:
    """Store the blocks of an archive as they come; give its root. Raises InvalidCar."""
    reader = CarReader()
    async for chunk in archive:
        progress.done += len(chunk)
        if progress.done > limit:
            raise InvalidImport(f"The archive is larger than {limit} bytes")
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


def _check(new: _Import, still_fits: Callable[[], None]) -> int:
    """Check that the tree is whole and canonical, and every record sound; put the rows aside.

    Gives the number of records. `still_fits` is called between batches.
    """
    most = _ALWAYS_ALLOWED + _MOST_REPEATED * new.progress.done
    new.progress.enter("checking", len(new.blocks))
    try:
        _stage(new, most, still_fits)
    except KeyError as missing:
        raise InvalidImport(f"The archive lacks the record {missing.args[0]}") from missing
    except ValueError as bad:
        raise InvalidImport(f"The repository is damaged: {bad}") from bad
    return new.progress.done


def _stage(new: _Import, most: int, still_fits: Callable[[], None]) -> None:
    """Put the rows of a repository aside. Raises InvalidImport, and what a damaged tree raises."""
    rows: list[RecordArgs] = []
    refs: list[RefArgs] = []
    collections: set[str] = set()
    rev, size = str(new.commit.rev), 0
    for path, cid in checked_items(new.commit.data, new.blocks):
        block = new.blocks[cid]
        size += len(block)
        collection, value = _record(path, block, collections)
        subject = records.subject_key(collection, value)
        rows.append((new.repo, path, cid, rev, subject, block))
        if _MARK_OF_BLOBS in block:
            refs += ((new.repo, path, blob.cid) for blob in data.find_blobs(value))
        if len(rows) == _ROWS_TOGETHER or size > _BYTES_TOGETHER:
            most -= size
            if most < 0:
                raise InvalidImport("The same records stand at too many paths")
            still_fits()
            marshal.dump((rows, refs), new.rows)
            new.progress.done += len(rows)
            if new.progress.done > MAX_BLOCKS:
                raise TooManyBlocks
            rows, refs, size = [], [], 0
    marshal.dump((rows, refs), new.rows)
    marshal.dump(_END, new.rows)
    new.rows.flush()
    new.progress.done += len(rows)


def _record(path: str, block: bytes, collections: set[str]) -> tuple[str, Value]:
    """Check a record; give its collection, one of those that were seen, and what it says."""
    value = cbor.decode(block)
    collection, _, rkey = path.partition("/")
    if collection not in collections:
        if len(collections) >= _COLLECTIONS_REMEMBERED:
            collections.clear()
        collections.add(Nsid(collection))
    RecordKey(rkey)
    if type(value) is not dict:
        raise InvalidImport(f"The record at {path} is not an object")
    return collection, value
