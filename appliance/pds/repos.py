"""Hosted repositories: writes become records, a signed head and an event in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from appliance.atproto.car import archive_size
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.repo.commit import Commit, parse_commit, sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_stream import count_nodes
from appliance.atproto.repo.repo import Action, CommitSlice, RecordOp, RecordWrite, Repo
from appliance.atproto.syntax import Datetime, Did
from appliance.atproto.tid import Tid, TidClock
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.firehose import event_log
from appliance.firehose.events import CommitEvent, Made, SyncEvent
from appliance.pds import accounts, announced_revs, blobs, kept_trees, records
from appliance.pds.blobs import BlobStore
from appliance.pds.kept_trees import AskedTrees, Head, KeptTrees
from appliance.pds.signing_keys import SigningKeys
from appliance.pds.writes import PreparedWrite

MAX_COMMIT_BYTES: Final = 2_000_000  # of the event's archive
_COUNTING_S: Final = 60.0
_MOST_HELD: Final = 50_000  # records of a tree, with some 300 bytes each

REPO_ID: Final = "SELECT id FROM repo WHERE did = ?"
_HEAD = "SELECT id, did, commit_cid, commit_block, rev, data FROM repo WHERE did = ?"
_PAGE = "SELECT id, did, commit_cid, rev FROM repo WHERE id > ? ORDER BY id LIMIT ?"


class RepoNotFound(LookupError):
    """No such repository is hosted here."""

    xrpc_name = "RepoNotFound"

    def __init__(self, did: Did) -> None:
        super().__init__(f"Could not find repo for DID: {did}")


class InvalidSwap(ValueError):
    """The repo or the record is not what the writer took it for."""

    xrpc_name = "InvalidSwap"


class CommitTooLarge(ValueError):
    """One commit may not carry that much."""

    xrpc_name = "InvalidRequest"

    def __init__(self) -> None:
        super().__init__(f"Too many bytes in one commit. Max: {MAX_COMMIT_BYTES}")


@dataclass(frozen=True, slots=True)
class HostedRepo:
    """One line in the list of hosted repos; `id` is its place in the order of creation."""

    id: int
    did: Did
    head: Cid
    rev: Tid


class RepoStore:
    """The only writer of hosted repos.

    Trees are kept in memory for the repos used last. A tree is good while its commit is the one in
    the repo's row, so a transaction that was undone leaves nothing to repair; otherwise it is made
    again from the record rows, and its root compared with the row. So is a part of it that memory
    does not have, and compared with the CID that it has in the tree.
    """

    def __init__(
        self, db: Database, blob_store: BlobStore, keys: SigningKeys, clock: Clock
    ) -> None:
        self._db = db
        self._blobs = blob_store
        self._keys = keys
        self._clock = clock
        self._revs = TidClock(clock.now_us)
        self._trees = KeptTrees(kept_trees.KEPT_BYTES)
        self._asked = AskedTrees()

    def next_rev(self) -> Tid:
        """Give a rev for a first commit."""
        return self._revs.next()

    def head(self, did: Did) -> Head:
        """Read a repo's head inline. Raises RepoNotFound."""
        return _head(did, self._db.read_one(_HEAD, did))

    def page(self, after_id: int, limit: int) -> list[HostedRepo]:
        """List hosted repos in order of creation, inline."""
        return [
            HostedRepo(number, Did.unchecked(did), Cid(cid), Tid.unchecked(rev))
            for number, did, cid, rev in self._db.read(_PAGE, after_id, limit)
        ]

    async def slim(self) -> None:
        """Forget the trees, and what the database keeps of itself in memory."""
        await self._db.write(lambda _: self._trees.forget())
        self._asked.forget()
        await self._db.slim()

    def tree_at(self, conn: Connection, head: Head, paths: Sequence[str] = ()) -> Mst:
        """Give the tree of a head read in this scan, with all at hand that leads to these paths.

        Raises RootMismatch.
        """
        repo = self._trees.find(head) or self._asked.give(conn, head)
        return repo.tree.with_ways(paths, kept_trees.leaves_of(conn, head))

    def nodes_at(self, conn: Connection, head: Head) -> Iterator[tuple[Cid, bytes]]:
        """Yield every node of the tree of a head read in this scan, from the top down.

        A tree that is not at hand is made whole, which is quicker, where it is not too large to be
        held for each who asks. Raises RootMismatch.
        """
        if self._trees.find(head) is None and not _is_large(conn, head):
            return kept_trees.rebuild(conn, head).tree.walk()
        return self.tree_at(conn, head).walk_all(kept_trees.leaves_of(conn, head))

    async def write(
        self, did: Did, writes: Sequence[PreparedWrite], swap_commit: Cid | None = None
    ) -> Commit | None:
        """Apply all writes as one commit and announce it; None if nothing changes.

        Raises RepoNotFound, InvalidSwap, RecordExists, RecordMissing, CommitTooLarge, BlobNotFound,
        InvalidMimeType, BlobTooLarge, RootMismatch, AccountTakedown, AccountDeactivated or NoRoom;
        then nothing has changed.
        """
        if any(each.row is not None for each in writes):
            self._db.room.require()
        return await self._db.write(self._write, did, writes, swap_commit, self._keys.get(did))

    async def node_count(self, did: Did) -> int:
        """Tell how many nodes a repo's tree has, without making it. Raises RepoNotFound."""
        return await self._db.scan(_node_count, did, deadline=_COUNTING_S)

    async def sign_anew(self, did: Did) -> None:
        """Sign the same content under a new rev and announce where the repo stands."""
        await self._db.write(self._sign_anew, did, self._keys.get(did))

    async def make_own(self, did: Did) -> None:
        """Sign what another server signed, or an older state, before its account is active here.

        Relays judge the head by the key in the DID document, which by then is ours.
        """
        key, head = self._keys.get(did), self.head(did)
        is_own = parse_commit(head.commit_block).verify(key.public)
        if not is_own or announced_revs.is_behind(self._db, head.id):
            await self._db.write(self._sign, did, key)

    def _sign_anew(self, conn: Connection, did: Did, key: PrivateKey) -> None:
        append_sync(conn, self._sign(conn, did, key), self._clock.now_us())

    def _sign(self, conn: Connection, did: Did, key: PrivateKey) -> Commit:
        head = load_head(conn, did)
        told = announced_revs.take(conn, head.id, head.rev)
        commit = sign_commit(did, self._revs.next(after=told), head.data, key)
        set_head(conn, head.id, commit)
        repo = self._trees.find(head)
        if repo is not None:
            self._trees.keep(Repo(did, repo.tree, commit))
        return commit

    def _write(
        self,
        conn: Connection,
        did: Did,
        writes: Sequence[PreparedWrite],
        swap_commit: Cid | None,
        key: PrivateKey,
    ) -> Commit | None:
        head = load_head(conn, did)
        accounts.check_open(conn, did)  # it may have been closed while the write was prepared
        repo = self._trees.for_writing(conn, head, [write.path for write in writes])
        changes = [
            change for write in writes for change in _changes(conn, head.id, repo.tree, write)
        ]
        paths = {change.path for change in changes}
        if not paths.issubset(write.path for write in writes):  # what is replaced lies elsewhere
            repo = self._trees.for_writing(conn, head, paths)
        if not changes:
            return None
        if swap_commit is not None and swap_commit != head.commit_cid:
            raise InvalidSwap(f"Commit was at {head.commit_cid}")
        repo, news = repo.apply(changes, self._revs.next(after=head.rev), key)
        if archive_size(news.blocks.values()) > MAX_COMMIT_BYTES:
            raise CommitTooLarge
        _write_rows(conn, head.id, news, {each.path: each.row for each in writes if each.row})
        dropped = _write_claims(conn, head.id, news.ops, writes)
        if dropped:
            conn.after_commit(lambda: self._blobs.discard_files(dropped))
        set_head(conn, head.id, news.commit)
        checked = frozenset(each.row.cid for each in writes if each.row and each.status == "valid")
        append_commit(conn, news, key.public, self._clock.now_us(), checked)
        self._trees.keep(repo, news.ops)
        return news.commit


def create_empty(conn: Connection, did: Did, rev: Tid, key: PrivateKey) -> CommitSlice:
    """Open a repo without records; `append_commit` and `append_sync` would announce it."""
    _, news = Repo(did, Mst.empty(), None).apply([], rev, key)
    adopt(conn, news.commit)
    return news


def adopt(conn: Connection, commit: Commit) -> int:
    """Open a repo at a commit whose records the caller puts in place. Returns its row."""
    conn.execute(
        "INSERT INTO repo (did, commit_cid, commit_block, rev, data) VALUES (?, ?, ?, ?, ?)",
        (commit.did, commit.cid, commit.block, commit.rev, commit.data),
    )
    return conn.last_insert_rowid()


def delete_account_rows(conn: Connection, did: Did) -> list[Cid]:
    """Delete a repo with its records and blobs.

    Returns the blobs whose files `BlobStore.discard_files` is to remove after the commit.
    """
    repo = conn.value("SELECT id FROM repo WHERE did = ?", did)
    if repo is None:
        return []
    records.delete_all(conn, repo)
    dropped = blobs.delete_all(conn, repo)
    conn.execute("DELETE FROM repo WHERE id = ?", (repo,))
    return dropped


def load_head(conn: Connection, did: Did) -> Head:
    """Read a repo's head inside a transaction or scan. Raises RepoNotFound."""
    return _head(did, conn.row(_HEAD, did))


def set_head(conn: Connection, repo: int, commit: Commit) -> None:
    """Point a repo at another commit, whose records the caller has put in place."""
    conn.execute(
        "UPDATE repo SET commit_cid = ?, commit_block = ?, rev = ?, data = ? WHERE id = ?",
        (commit.cid, commit.block, commit.rev, commit.data, repo),
    )


def append_commit(
    conn: Connection,
    news: CommitSlice,
    key: PublicKey,
    now_us: int,
    checked: frozenset[Cid] = frozenset(),
) -> int:
    """Announce a commit signed by this key. Returns the event's seq.

    `checked`: the records in it that were measured by their lexicons.
    """
    event = CommitEvent.of(news, Datetime.from_us(now_us))
    made = Made(key, news.commit.data, news.blocks, event.unnumbered(), checked)
    return event_log.append_made(conn, event, made, now_us)


def append_sync(conn: Connection, commit: Commit, now_us: int) -> int:
    """Announce where a repo stands, without its history. Returns the event's seq."""
    frame = SyncEvent.of(commit, Datetime.from_us(now_us)).frame()
    return event_log.append(conn, commit.did, "sync", frame, now_us)


def _node_count(conn: Connection, did: Did) -> int:
    return count_nodes(path for path, _ in records.leaves(conn, load_head(conn, did).id))


def _is_large(conn: Connection, head: Head) -> bool:
    rest = islice(records.leaves(conn, head.id), _MOST_HELD, None)
    return next(rest, None) is not None


def _head(did: Did, row: tuple[int, str, bytes, bytes, str, bytes] | None) -> Head:
    if row is None:
        raise RepoNotFound(did)
    number, _, cid, block, rev, data = row
    return Head(number, did, Cid(cid), block, Tid.unchecked(rev), Cid(data))


def _changes(conn: Connection, repo: int, tree: Mst, write: PreparedWrite) -> list[RecordWrite]:
    """Say what a write means for the repo as it is now. Raises InvalidSwap."""
    row, action = write.row, write.action
    if row is None:
        if action == "discard":
            present = tree.get(write.path)
            if present is None:
                return []
            _check_swap(write, present)
        return [RecordWrite("delete", write.path, None)]
    if write.replaces_same_subject:
        older = records.with_subject(conn, repo, row)
        return [
            *(RecordWrite("delete", path, None) for path in older),
            RecordWrite("create", write.path, row.block),
        ]
    real: Action = "create" if action == "create" else "update"
    if action == "put":
        present = tree.get(write.path)
        if present == row.cid:
            return []
        _check_swap(write, present)
        real = "create" if present is None else "update"
    return [RecordWrite(real, write.path, row.block)]


def _check_swap(write: PreparedWrite, present: Cid | None) -> None:
    if write.expected is not None and write.expected.cid != present:
        raise InvalidSwap(f"Record was at {present}")


def _write_rows(
    conn: Connection, repo: int, news: CommitSlice, rows: dict[str, records.RecordRow]
) -> None:
    """Bring the record rows to where the commit's operations lead."""
    rev = news.commit.rev
    for op in news.ops:
        if op.action == "create":
            records.insert(conn, repo, rows[op.path], rev)
        elif op.action == "update":
            records.update(conn, repo, rows[op.path], rev)
        else:
            records.delete(conn, repo, op.path, rev)


def _write_claims(
    conn: Connection, repo: int, ops: Sequence[RecordOp], writes: Sequence[PreparedWrite]
) -> list[Cid]:
    """Move the claims on blobs along with the records; name the blobs nobody needs any more."""
    claims = {write.path: write.claims for write in writes}
    released: list[Cid] = []
    for op in ops:
        if op.prev is not None:
            released += blobs.release(conn, repo, op.path)
    for op in ops:
        if op.cid is not None and claims[op.path]:
            blobs.claim(conn, repo, op.path, claims[op.path])
    return blobs.drop_unreferenced(conn, repo, released)
