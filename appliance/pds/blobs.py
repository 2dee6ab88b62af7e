"""Blobs of hosted accounts: upload, claim by records, serve, collect.

The files are shared by accounts with equal blobs. Rows change in the writer thread; files are
removed on the event loop, by what is committed, so an upload and a removal never cross.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from appliance.atproto.cid import Cid
from appliance.atproto.data import BlobRef
from appliance.atproto.syntax import AtUri, Did
from appliance.atproto.tid import Tid
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database, Row
from appliance.pds.blob_files import BlobFiles, BlobTooLarge, ReceivedBlob
from appliance.pds.writes import BlobClaim, InvalidMimeType, InvalidSize

log = logging.getLogger(__name__)

TEMPORARY_US = 6 * 3_600_000_000  # an upload nobody refers to is kept this long
_COLLECT_EVERY_S = 1800.0
# So many files are removed in one go: a few milliseconds.
DISCARDED_TOGETHER = 100
_PAUSE_S = 0.005

_FIND = """
SELECT blob.cid, blob.mime_type, blob.size FROM repo JOIN blob ON blob.repo = repo.id
WHERE repo.did = ? AND blob.cid = ? AND blob.takedown IS NULL
AND EXISTS (SELECT 1 FROM blob_ref WHERE blob_ref.repo = repo.id AND blob_ref.cid = blob.cid)
"""
_STATE = """
SELECT blob.takedown FROM repo JOIN blob ON blob.repo = repo.id
WHERE repo.did = ? AND blob.cid = ?
"""
_IS_USED = "SELECT 1 FROM blob WHERE cid = ? LIMIT 1"
_LIST = """
SELECT DISTINCT blob_ref.cid FROM repo JOIN blob_ref ON blob_ref.repo = repo.id
WHERE repo.did = ? AND blob_ref.cid > ? AND EXISTS (
    SELECT 1 FROM record
    WHERE record.repo = repo.id AND record.path = blob_ref.path AND record.rev > ?
)
ORDER BY blob_ref.cid LIMIT ?
"""
_MISSING = """
SELECT blob_ref.cid, min(blob_ref.path) FROM repo JOIN blob_ref ON blob_ref.repo = repo.id
WHERE repo.did = ? AND blob_ref.cid > ? AND NOT EXISTS (
    SELECT 1 FROM blob WHERE blob.repo = repo.id AND blob.cid = blob_ref.cid
)
GROUP BY blob_ref.cid ORDER BY blob_ref.cid LIMIT ?
"""
_COUNTS = """
SELECT count(DISTINCT blob_ref.cid), count(DISTINCT blob.cid) FROM blob_ref
LEFT JOIN blob ON blob.repo = blob_ref.repo AND blob.cid = blob_ref.cid
WHERE blob_ref.repo = (SELECT id FROM repo WHERE did = ?)
"""
_KEPT = """
SELECT count(*), coalesce(sum(size), 0) FROM blob WHERE repo = (SELECT id FROM repo WHERE did = ?)
"""
_TOTAL = "SELECT sum(size) FROM blob WHERE repo = ?"
_UNREFERENCED = """
AND takedown IS NULL AND NOT EXISTS (
    SELECT 1 FROM blob_ref WHERE blob_ref.repo = blob.repo AND blob_ref.cid = blob.cid
)
"""


# Repo, path, CID: what a record refers to, as it is written.
RefArgs: TypeAlias = tuple[int, str, bytes]


class BlobNotFound(LookupError):
    """There is no such blob, or it may not be used."""

    xrpc_name = "BlobNotFound"

    def __init__(self, cid: Cid) -> None:
        super().__init__(f"Could not find blob: {cid}")


class BlobTakendown(Exception):
    """The operator has taken this blob down."""

    xrpc_name = "InvalidRequest"

    def __init__(self, cid: Cid) -> None:
        super().__init__(f"Blob has been taken down, cannot upload it again: {cid}")


class QuotaExceeded(Exception):
    """All blobs of the account together would be more than it may keep."""

    xrpc_name = "QuotaExceeded"

    def __init__(self, quota: int) -> None:
        super().__init__(f"This account may keep {quota} bytes of blobs; delete some posts first")


@dataclass(frozen=True, slots=True)
class Kept:
    """How many blobs an account keeps, and how many bytes they are together."""

    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """A blob that a record names and that was never uploaded here."""

    cid: Cid
    record: AtUri


@dataclass(frozen=True, slots=True)
class BlobCounts:
    """How many blobs an account's records name, and how many of those are here."""

    expected: int
    present: int


class BlobStore:
    """The blobs of this server: rows that say whose and what, files that hold the bytes."""

    def __init__(
        self, db: Database, files: BlobFiles, clock: Clock, limit: int, quota: int = 0
    ) -> None:
        """Take the most bytes a blob may have, and all of an account's together; 0 for any."""
        self._db = db
        self._files = files
        self._clock = clock
        self._limit = limit
        self._quota = quota
        self._arriving: Counter[Cid] = Counter()

    async def upload(
        self,
        did: Did,
        chunks: AsyncIterable[bytes],
        declared_type: str,
        check_type: Callable[[str], None] | None = None,
    ) -> BlobRef:
        """Take a blob in; it is on the disk when this returns, and temporary until claimed.

        `check_type` is shown the type found. Raises NoRoom, BlobTooLarge, BlobTakendown,
        QuotaExceeded, and as it does.
        """
        self._db.room.require()
        received = await self._files.receive(chunks, self._limit, declared_type, check_type)
        self._arriving[received.cid] += 1
        wanted = False
        try:
            await asyncio.to_thread(self._files.keep, received)
            now_us = self._clock.now_us()
            try:
                mime_type = await self._db.write(_register, did, received, now_us, self._quota)
                wanted = True
            except asyncio.CancelledError:
                wanted = True  # the row comes all the same; if not, `collect` finds the file
                raise
        finally:
            self._arriving[received.cid] -= 1
            if not self._arriving[received.cid]:
                del self._arriving[received.cid]
            if not wanted:
                self.discard_files([received.cid])
        return BlobRef(received.cid, mime_type, received.size)

    def find(self, did: Did, cid: Cid) -> BlobRef:
        """Look up a blob that a record refers to. Raises BlobNotFound."""
        row = self._db.read_one(_FIND, did, cid)
        if row is None:
            raise BlobNotFound(cid)
        return BlobRef(Cid(row[0]), row[1], row[2])

    def open(self, cid: Cid) -> BinaryIO:
        """Open the bytes of a blob that `find` found. Raises BlobNotFound if the file is gone."""
        try:
            return self._files.path(cid).open("rb")
        except FileNotFoundError:
            raise BlobNotFound(cid) from None

    async def put_back(self, cid: Cid, chunks: AsyncIterable[bytes]) -> bool:
        """Put the file of a blob in its place, if these bytes are what its CID says.

        Raises NoRoom, BlobTooLarge, and what reading raises.
        """
        received = await self._files.receive(chunks, self._limit, "application/octet-stream")
        if received.cid != cid or self._db.read_one(_IS_USED, cid) is None:
            received.temporary.unlink()
            return False
        await asyncio.to_thread(self._files.keep, received)
        return True

    def state(self, did: Did, cid: Cid) -> tuple[str | None] | None:
        """Tell a blob's takedown reference, in a tuple; None if there is no such blob."""
        row = self._db.read_one(_STATE, did, cid)
        return (row[0],) if row else None

    async def page(
        self, did: Did, limit: int, cursor: Cid | None = None, since: Tid | None = None
    ) -> list[Cid]:
        """List blobs that records written after `since` refer to, by CID."""
        rows = await self._db.scan(_rows, _LIST, did, cursor or b"", since or "", limit)
        return [Cid(cid) for (cid,) in rows]

    async def missing(self, did: Did, limit: int, cursor: Cid | None = None) -> list[MissingBlob]:
        """List blobs that records refer to and that are not here, by CID."""
        rows = await self._db.scan(_rows, _MISSING, did, cursor or b"", limit)
        return [MissingBlob(Cid(cid), AtUri.unchecked(f"at://{did}/{path}")) for cid, path in rows]

    async def kept(self, did: Did) -> Kept:
        """Measure what an account keeps, with what is uploaded and not used yet."""
        return Kept(*(await self._db.scan(_rows, _KEPT, did))[0])

    async def counts(self, did: Did) -> BlobCounts:
        rows = await self._db.scan(_rows, _COUNTS, did)
        return BlobCounts(*rows[0])

    def discard_files(self, cids: Sequence[Cid]) -> None:
        """Remove the files that no row needs any more; call it on the loop, after the commit.

        Of very many some now and the others soon, between what else is to be done.
        """
        for cid in cids[:DISCARDED_TOGETHER]:
            if not self._arriving[cid] and self._db.read_one(_IS_USED, cid) is None:
                self._files.discard(cid)
        if others := cids[DISCARDED_TOGETHER:]:
            asyncio.get_running_loop().call_later(_PAUSE_S, self.discard_files, others)

    async def collect(self) -> None:
        """Remove temporary blobs whose time is over, and files without a row.

        Nothing where another data folder was put into the place of ours, a restored one say: its
        blobs have no rows here.
        """
        if not await asyncio.to_thread(self._db.is_in_place):
            log.error("%s is another file than the one that is open: start again", self._db.path)
            return
        before = self._clock.now_us() - TEMPORARY_US
        self.discard_files(await self._db.write(_delete_temporary, before))
        for cid in await asyncio.to_thread(lambda: list(self._files.names())):
            self.discard_files([cid])
            await asyncio.sleep(0)

    async def collect_for_ever(self) -> None:
        """Collect every half hour: the body of a worker."""
        while True:
            await self.collect()
            await asyncio.sleep(_COLLECT_EVERY_S)


def claim(conn: Connection, repo: int, path: str, claims: Sequence[BlobClaim]) -> None:
    """Note that a record refers to blobs, each of which must be here and be what it says.

    Raises BlobNotFound, InvalidMimeType, InvalidSize, BlobTooLarge.
    """
    for each in claims:
        cid = each.blob.cid
        row = conn.row(
            "SELECT mime_type, size, takedown FROM blob WHERE repo = ? AND cid = ?", repo, cid
        )
        if row is None or row[2] is not None:
            raise BlobNotFound(cid)
        if row[0] != each.blob.mime_type:
            raise InvalidMimeType(cid, row[0], [each.blob.mime_type])
        if row[1] != each.blob.size:
            raise InvalidSize(cid, each.blob.size, row[1])
        if each.max_size is not None and row[1] > each.max_size:
            raise BlobTooLarge(each.max_size)
    expect(conn, repo, path, [each.blob.cid for each in claims])


def expect(conn: Connection, repo: int, path: str, cids: Iterable[Cid]) -> None:
    """Note that a record refers to blobs, whether they are here or not."""
    for cid in cids:
        conn.execute("INSERT OR IGNORE INTO blob_ref VALUES (?, ?, ?)", (repo, path, cid))


def expect_all(conn: Connection, refs: Iterable[RefArgs]) -> None:
    """Note what many records refer to."""
    conn.executemany("INSERT OR IGNORE INTO blob_ref VALUES (?, ?, ?)", refs)


def release(conn: Connection, repo: int, path: str) -> list[Cid]:
    """Take back what a record refers to, and name it; `drop_unreferenced` comes after."""
    rows = conn.rows("DELETE FROM blob_ref WHERE repo = ? AND path = ? RETURNING cid", repo, path)
    return [Cid(cid) for (cid,) in rows]


def drop_unreferenced(conn: Connection, repo: int, cids: Iterable[Cid]) -> list[Cid]:
    """Delete those of these blobs that no record refers to; their files go after the commit."""
    sql = f"DELETE FROM blob WHERE repo = ? AND cid = ? {_UNREFERENCED}"  # noqa: S608
    dropped = []
    for cid in cids:
        conn.execute(sql, (repo, cid))
        if conn.changes():
            dropped.append(cid)
    return dropped


def sizes(conn: Connection) -> dict[int, tuple[int, int, int]]:
    """Give (blobs, bytes, bytes of videos) by repo, of those that have any."""
    rows = conn.rows(
        "SELECT repo, count(*), sum(size), sum(iif(mime_type GLOB 'video/*', size, 0))"
        " FROM blob GROUP BY repo"
    )
    return {repo: (number, size, videos) for repo, number, size, videos in rows}


def delete_all(conn: Connection, repo: int) -> list[Cid]:
    """Forget an account's blobs; their files go after the commit."""
    conn.execute("DELETE FROM blob_ref WHERE repo = ?", (repo,))
    return [Cid(cid) for (cid,) in conn.rows("DELETE FROM blob WHERE repo = ? RETURNING cid", repo)]


def set_takedown(conn: Connection, did: Did, cid: Cid, reference: str | None) -> bool:
    """Withhold a blob, or serve it again (None). Returns False if there is no such blob."""
    conn.execute(
        "UPDATE blob SET takedown = ? WHERE cid = ? AND repo = (SELECT id FROM repo WHERE did = ?)",
        (reference, cid, did),
    )
    return conn.changes() > 0


def adopt(
    conn: Connection, repo: int, blob: BlobRef, uploaded_us: int, takedown: str | None
) -> None:
    """Add a blob whose file is in its place."""
    conn.execute(
        "INSERT INTO blob (repo, cid, mime_type, size, uploaded_us, takedown)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (repo, blob.cid, blob.mime_type, blob.size, uploaded_us, takedown),
    )


def _register(conn: Connection, did: Did, received: ReceivedBlob, now_us: int, quota: int) -> str:
    """Write the row of an upload; a blob that records refer to keeps its type. Returns the type."""
    repo = conn.value("SELECT id FROM repo WHERE did = ?", did)
    if repo is None:  # the account was deleted during the upload
        raise BlobNotFound(received.cid)
    row = conn.row(
        "SELECT mime_type, takedown, EXISTS (SELECT 1 FROM blob_ref WHERE repo = ? AND cid = ?)"
        " FROM blob WHERE repo = ? AND cid = ?",
        *(repo, received.cid) * 2,
    )
    if row is not None and row[1] is not None:
        raise BlobTakendown(received.cid)
    mime_type: str = row[0] if row is not None and row[2] else received.mime_type
    conn.execute(
        "INSERT OR REPLACE INTO blob (repo, cid, mime_type, size, uploaded_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (repo, received.cid, mime_type, received.size, now_us),
    )
    if quota and row is None and conn.value(_TOTAL, repo) > quota:
        raise QuotaExceeded(quota)
    return mime_type


def _delete_temporary(conn: Connection, before_us: int) -> list[Cid]:
    sql = f"DELETE FROM blob WHERE uploaded_us < ? {_UNREFERENCED} RETURNING cid"  # noqa: S608
    return [Cid(cid) for (cid,) in conn.rows(sql, before_us)]


def _rows(conn: Connection, sql: str, *args: str | bytes | int) -> list[Row]:
    return conn.rows(sql, *args)
