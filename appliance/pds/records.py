"""The records of hosted repositories: rows that are the truth of every repo here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import TypeAlias

from appliance.atproto import cbor, data
from appliance.atproto.cbor import Value
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import AtUri, Did, Json, JsonObject, Nsid, RecordKey
from appliance.atproto.tid import Tid
from appliance.base.database import Connection, Database, Row

# One like, repost, follow or block per subject is enough: a newer one takes the older one's place.
_SUBJECT_IS_RECORD = {"app.bsky.feed.like", "app.bsky.feed.repost"}
_SUBJECT_IS_ACCOUNT = {"app.bsky.graph.follow", "app.bsky.graph.block"}

POST = Nsid.unchecked("app.bsky.feed.post")
PROFILE = Nsid.unchecked("app.bsky.actor.profile")
_PROFILE_PATH = f"{PROFILE}/self"

_BEFORE_DIGEST = 4  # bytes of a CID: version, codec, hash, length
LARGE_BLOCK = 32_000  # bytes
LARGE_PAGE = 2_000_000  # bytes of large blocks after which a page ends

_GET = """
SELECT record.cid, record.block FROM repo JOIN record ON record.repo = repo.id
WHERE repo.did = ? AND record.path = ? AND record.takedown IS NULL
"""
_STATE = """
SELECT record.cid, record.takedown FROM repo JOIN record ON record.repo = repo.id
WHERE repo.did = ? AND record.path = ?
"""
# Large blocks are left out of a page, and fetched one by one until the page is heavy enough.
_PAGE = """
SELECT record.path, record.cid, iif(length(record.block) <= ?, record.block, NULL)
FROM repo JOIN record ON record.repo = repo.id
WHERE repo.did = ? AND record.path > ? AND record.path < ? AND record.takedown IS NULL
ORDER BY record.path DESC LIMIT ?
"""
_PAGE_OLDEST_FIRST = _PAGE.replace("DESC", "ASC")
# A post's key is the time it was made, so what was written last has the highest ones.
_NEWEST_POSTS = """
SELECT path, cid, rev, block FROM (
    SELECT record.path, record.cid, record.rev, record.block
    FROM repo JOIN record ON record.repo = repo.id
    WHERE repo.did = ? AND record.path > ? AND record.path < ? AND record.takedown IS NULL
    ORDER BY record.path DESC LIMIT 50
) WHERE rev > ? LIMIT 10
"""
_NEWER_PROFILE = """
SELECT record.path, record.cid, record.rev, record.block
FROM repo JOIN record ON record.repo = repo.id
WHERE repo.did = ? AND record.path = ? AND record.takedown IS NULL AND record.rev > ?
"""
_LEAVES_BETWEEN = """
SELECT path, cid FROM record WHERE repo = ? AND path > ? AND path < ? ORDER BY path
"""
_REPOS_WITH = """
SELECT repo.id, repo.did FROM repo
WHERE repo.id > ? AND EXISTS (
    SELECT 1 FROM record WHERE record.repo = repo.id AND record.path > ? AND record.path < ?
)
ORDER BY repo.id LIMIT ?
"""


# Repo, path, CID, rev, subject, block: a row as it is written.
RecordArgs: TypeAlias = tuple[int, str, bytes, str, int | None, bytes]
_INSERT = "INSERT INTO record (repo, path, cid, rev, subject, block) VALUES (?, ?, ?, ?, ?, ?)"


class RecordNotFound(LookupError):
    """The repo holds no such record, or not in that version."""

    xrpc_name = "RecordNotFound"

    def __init__(self, uri: str) -> None:
        super().__init__(f"Could not locate record: {uri}")


class DamagedRecord(Exception):
    """What is stored is not what its CID says: our own storage is damaged."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is shown."""

    uri: AtUri
    cid: Cid
    value: Json


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record as it is kept, and the commit that last wrote it."""

    uri: AtUri
    cid: Cid
    rev: Tid
    block: bytes


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record as it is kept."""

    path: str
    cid: Cid
    block: bytes
    subject: int | None


class RecordStore:
    """Read the record index; single records and pages inline, whole repos in a scan."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, did: Did, collection: Nsid, rkey: RecordKey, cid: Cid | None = None) -> Record:
        """Find a record, in the version `cid` if given. Raises RecordNotFound."""
        uri = AtUri.make(did, collection, rkey)
        row = self._db.read_one(_GET, did, f"{collection}/{rkey}")
        if row is None or (cid is not None and cid != row[0]):
            raise RecordNotFound(uri)
        return Record(uri, Cid(row[0]), _value(uri, *row))

    def page(
        self, did: Did, collection: Nsid, limit: int, cursor: str | None, oldest_first: bool
    ) -> list[Record]:
        """List a collection by record key, newest first; `cursor` is the last key seen.

        A page of very large records ends early.
        """
        rows = self._page(did, collection, limit, cursor, oldest_first)
        return [
            Record(AtUri.unchecked(f"at://{did}/{path}"), Cid(cid), _value(path, cid, block))
            for path, cid, block in rows
        ]

    def listed(
        self, did: Did, collection: Nsid, limit: int, cursor: str | None, oldest_first: bool
    ) -> list[JsonObject]:
        """Give a page as clients are shown it: uri, cid and value of each record."""
        rows = self._page(did, collection, limit, cursor, oldest_first)
        cids = data.cid_texts([cid for _, cid, _ in rows])
        prefix = f"at://{did}/"
        return [
            {"uri": prefix + path, "cid": cid, "value": _value(path, *stored)}
            for (path, *stored), cid in zip(rows, cids, strict=True)
        ]

    def _page(
        self, did: Did, collection: Nsid, limit: int, cursor: str | None, oldest_first: bool
    ) -> list[Row]:
        low, high = collection_range(collection)
        if cursor is not None and oldest_first:
            low = f"{collection}/{cursor}"
        elif cursor is not None:
            high = f"{collection}/{cursor}"
        sql = _PAGE_OLDEST_FIRST if oldest_first else _PAGE
        rows = self._db.read(sql, LARGE_BLOCK, did, low, high, limit)
        if any(block is None for _, _, block in rows):
            return list(self._with_large(did, rows))
        return rows

    def _with_large(self, did: Did, rows: list[Row]) -> Iterator[Row]:
        weight = 0
        for path, cid, block in rows:
            if block is not None:
                yield path, cid, block
                continue
            found = self._db.read_one(_GET, did, path)
            if found is None:  # deleted since the page was read
                continue
            yield path, *found
            weight += len(found[1])
            if weight > LARGE_PAGE:
                return

    def newer(self, did: Did, rev: Tid) -> list[NewRecord]:
        """Give the profile and the posts that commits after `rev` wrote, oldest first; ten posts.

        Posts are looked for among the fifty with the newest keys.
        """
        rows = self._db.read(_NEWER_PROFILE, did, _PROFILE_PATH, rev)
        rows += reversed(self._db.read(_NEWEST_POSTS, did, *collection_range(POST), rev))
        prefix = f"at://{did}/"
        return [
            NewRecord(AtUri.unchecked(prefix + path), Cid(cid), Tid.unchecked(at), block)
            for path, cid, at, block in rows
        ]

    async def has_older(self, did: Did, rev: Tid) -> bool:
        """Whether any record is as it was at `rev`."""
        return await self._db.scan(_has_older, did, rev)

    async def collections(self, did: Did) -> list[Nsid]:
        """Name the collections in use."""
        return await self._db.scan(_collections, did)

    def state(self, did: Did, path: str) -> tuple[Cid, str | None] | None:
        """Tell a record's CID and takedown reference; None if there is no such record."""
        row = self._db.read_one(_STATE, did, path)
        return (Cid(row[0]), row[1]) if row else None

    async def count(self, did: Did) -> int:
        return await self._db.scan(_count, did)

    async def repos_with(
        self, collection: Nsid, after_id: int, limit: int
    ) -> list[tuple[int, Did]]:
        """List (repo id, DID) of repos with a record in the collection, in order of creation."""
        return await self._db.scan(_repos_with, collection, after_id, limit)


def _value(name: str, cid: bytes, block: bytes) -> Json:
    """Show a block that is what its CID says. Raises DamagedRecord."""
    if sha256(block).digest() != cid[_BEFORE_DIGEST:]:
        raise DamagedRecord(f"the record {name} is not what its CID says")
    return data.record_json(block)


def collection_range(collection: str) -> tuple[str, str]:
    """Name the open interval of paths a collection fills ("0" is the character after "/")."""
    return f"{collection}/", f"{collection}0"


def subject_key(collection: str, value: Value) -> int | None:
    """Hash what a like, repost, follow or block points at; None for any other record."""
    subject = value.get("subject")
    if collection in _SUBJECT_IS_RECORD:
        subject = subject.get("uri") if isinstance(subject, dict) else None
    elif collection not in _SUBJECT_IS_ACCOUNT:
        return None
    if not isinstance(subject, str):
        return None
    digest = blake2b(f"{collection} {subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def row_of(path: str, block: bytes, value: Value) -> RecordRow:
    """Make the row of a record out of its block and what it decodes to."""
    return RecordRow(path, Cid.for_block(block), block, subject_key(path.partition("/")[0], value))


def with_subject(conn: Connection, repo: int, row: RecordRow) -> list[str]:
    """Name the other records of the same collection with the same subject."""
    if row.subject is None:
        return []
    collection = row.path.partition("/")[0]
    low, high = collection_range(collection)
    return [
        path
        for path, block in conn.rows(
            "SELECT path, block FROM record WHERE repo = ? AND subject = ?", repo, row.subject
        )
        if low < path < high
        and path != row.path
        and cbor.decode(block)["subject"] == cbor.decode(row.block)["subject"]
    ]


def insert(conn: Connection, repo: int, row: RecordRow, rev: Tid) -> None:
    conn.execute(_INSERT, (repo, row.path, row.cid, rev, row.subject, row.block))


def insert_all(conn: Connection, rows: Iterable[RecordArgs]) -> None:
    """Insert rows, none of which is there yet."""
    conn.executemany(_INSERT, rows)


def update(conn: Connection, repo: int, row: RecordRow, rev: Tid) -> None:
    """Give a record new content; a takedown of the record stays in force."""
    conn.execute(
        "UPDATE record SET cid = ?, rev = ?, subject = ?, block = ? WHERE repo = ? AND path = ?",
        (row.cid, rev, row.subject, row.block, repo, row.path),
    )


def update_all(conn: Connection, rows: Iterable[RecordArgs]) -> None:
    """Give records new content; takedowns stay in force."""
    for repo, path, cid, rev, subject, block in rows:
        update(conn, repo, RecordRow(path, Cid(cid), block, subject), Tid.unchecked(rev))


def delete(conn: Connection, repo: int, path: str, rev: Tid) -> None:
    conn.execute("DELETE FROM record WHERE repo = ? AND path = ?", (repo, path))
    conn.execute("INSERT OR REPLACE INTO deleted_record VALUES (?, ?, ?)", (repo, path, rev))


def delete_all(conn: Connection, repo: int) -> None:
    """Forget everything about a repo's records."""
    conn.execute("DELETE FROM record WHERE repo = ?", (repo,))
    conn.execute("DELETE FROM deleted_record WHERE repo = ?", (repo,))


def set_takedown(conn: Connection, did: Did, path: str, reference: str | None) -> bool:
    """Hide a record, or show it again (None). Returns False if there is no such record."""
    conn.execute(
        "UPDATE record SET takedown = ? WHERE path = ?"
        " AND repo = (SELECT id FROM repo WHERE did = ?)",
        (reference, path, did),
    )
    return conn.changes() > 0


def leaves(conn: Connection, repo: int) -> Iterator[tuple[str, Cid]]:
    """Yield (path, CID) of all records, in the tree's order."""
    for path, cid in conn.execute(
        "SELECT path, cid FROM record WHERE repo = ? ORDER BY path", (repo,)
    ):
        yield path, Cid(cid)


def leaves_between(
    conn: Connection, repo: int, after: str, before: str
) -> Iterator[tuple[str, Cid]]:
    """Yield (path, CID) of the records behind one path and before another, in the tree's order."""
    for path, cid in conn.execute(_LEAVES_BETWEEN, (repo, after, before)):
        yield path, Cid(cid)


def blocks(
    conn: Connection, repo: int, since: Tid | None = None
) -> Iterator[tuple[str, Cid, bytes]]:
    """Yield (path, CID, block) of all records, or of those a commit after `since` wrote."""
    for path, cid, block in conn.execute(
        "SELECT path, cid, block FROM record WHERE repo = ? AND rev > ? ORDER BY path",
        (repo, since or ""),
    ):
        yield path, Cid(cid), block


def deleted_since(conn: Connection, repo: int, since: Tid) -> list[str]:
    """Name the paths whose record a commit after `since` deleted."""
    rows = conn.rows("SELECT path FROM deleted_record WHERE repo = ? AND rev > ?", repo, since)
    return [path for (path,) in rows]


def repos(conn: Connection) -> list[tuple[Did, int]]:
    """List (DID, repo id) of every account."""
    return [(Did.unchecked(did), repo) for did, repo in conn.rows("SELECT did, id FROM repo")]


def count_between(conn: Connection, first: str, end: str) -> int:
    """Count the records of all accounts from one path on, up to another."""
    number: int = conn.value(
        "SELECT count(*) FROM repo CROSS JOIN record"
        " ON record.repo = repo.id AND record.path >= ? AND record.path < ?",
        first,
        end,
    )
    return number


def block_at(conn: Connection, repo: int, path: str) -> bytes:
    """Read the block of a record that is known to exist."""
    block: bytes = conn.value("SELECT block FROM record WHERE repo = ? AND path = ?", repo, path)
    return block


def _collections(conn: Connection, did: Did) -> list[Nsid]:
    """Step from collection to collection, by one look into the index each."""
    repo = conn.value("SELECT id FROM repo WHERE did = ?", did)
    sql = "SELECT path FROM record WHERE repo = ? AND path > ? ORDER BY path LIMIT 1"
    found: list[Nsid] = []
    after = ""
    while row := conn.row(sql, repo, after):
        found.append(Nsid.unchecked(row[0].partition("/")[0]))
        after = collection_range(found[-1])[1]
    return sorted(found)


def _has_older(conn: Connection, did: Did, rev: Tid) -> bool:
    sql = "SELECT 1 FROM record WHERE repo = (SELECT id FROM repo WHERE did = ?) AND rev <= ?"
    return conn.value(f"{sql} LIMIT 1", did, rev) is not None


def _count(conn: Connection, did: Did) -> int:
    sql = "SELECT count(*) FROM record WHERE repo = (SELECT id FROM repo WHERE did = ?)"
    number: int = conn.value(sql, did)
    return number


def _repos_with(
    conn: Connection, collection: Nsid, after_id: int, limit: int
) -> list[tuple[int, Did]]:
    low, high = collection_range(collection)
    return [
        (number, Did.unchecked(did))
        for number, did in conn.rows(_REPOS_WITH, after_id, low, high, limit)
    ]
