"""From repo operations to rows: which index takes a record, and how far each account has come.

Everything here runs in the writer thread of the index, inside one transaction per batch, together
with the cursor of the stream: after a crash nothing is missed and nothing is done twice. The table
`record` says what is held, so that a repeated operation changes nothing.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from appliance.appview import actors, notifications
from appliance.appview.arrivals import Gap
from appliance.appview.index import (
    feeds,
    gates,
    graph,
    likes_reposts,
    lists,
    opaque,
    post_text,
    posts,
    profiles,
)
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, Origin, RecordRef
from appliance.atproto.cbor import InvalidCbor, Value, decode
from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.errors import InvalidRecord
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import InvalidSyntax, RecordKey
from appliance.base.connection import Connection
from appliance.base.workers import attempt

log = logging.getLogger(__name__)

_FAMILIES = (posts, likes_reposts, graph, lists, gates, profiles, feeds)

_COLLECTIONS: dict[str, RecordIndex] = {
    index.collection: index for family in _FAMILIES for index in family.INDEXES
}


# Records are shown whole, by the hundred in one answer and with those that they answer or quote;
# what an app writes into one has some kilobytes. Labelers explain their labels in many languages.
LARGEST_BLOCK = 64_000
_LONG = {"app.bsky.labeler.service"}
# What stands beside many posts or in one answer by the hundred, or is read for each account or
# thread of a page: a status stands with every post of its account, and a like is kept with what it
# tells. A threadgate may hide 300 replies.
_SHORT = {
    "app.bsky.actor.contentVisibilityDeclaration": 4_000,
    "app.bsky.actor.profile": 16_000,
    "app.bsky.actor.status": 4_000,
    "app.bsky.feed.generator": 16_000,
    "app.bsky.feed.like": 4_000,
    "app.bsky.feed.postgate": 16_000,
    "app.bsky.feed.repost": 4_000,
    "app.bsky.feed.threadgate": 40_000,
    "app.bsky.graph.follow": 4_000,
    "app.bsky.graph.list": 16_000,
    "app.bsky.graph.starterpack": 16_000,
    "app.bsky.notification.declaration": 4_000,
    "chat.bsky.actor.declaration": 4_000,
    "com.germnetwork.declaration": 16_000,
}


class _Held(NamedTuple):
    """What is held at a path: the record's CID, and whether it came early."""

    cid: bytes
    is_early: bool

    def gives_way(self, cid: Cid, origin: Origin, *, anew: bool) -> bool:
        """Tell whether it makes room for what has come."""
        if origin is Origin.EARLY:
            return False
        return anew or self.cid != cid or (self.is_early and origin is Origin.STREAM)


class Indexer:
    """Collection -> RecordIndex. Owned by the writer thread; counts what it does.

    home: PDS endpoints of ours, whose accounts' other records are kept as they are.
    """

    def __init__(self, validator: Validator, home: Collection[str] = ()) -> None:
        self._validator = validator
        self._home = frozenset(home)
        self._ids: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._new_posts: list[RecordRef] = []

    def take_new_posts(self) -> list[RecordRef]:
        """Take away the posts that have just arrived; whoever does tells subscribers."""
        taken, self._new_posts = self._new_posts, []
        return taken

    def takes(self, collection: str, *, is_home: bool) -> bool:
        """Tell whether records of a collection are kept, of an account hosted here or not."""
        return is_home or collection in _COLLECTIONS

    def is_home(self, conn: Connection, actor_id: int) -> bool:
        """Tell whether an account is hosted here; one whose PDS is not known yet may be."""
        pds = conn.value("SELECT pds FROM actor WHERE id = ?", actor_id)
        return bool(self._home) and (pds is None or pds in self._home)

    def put(
        self,
        conn: Connection,
        ref: RecordRef,
        cid: Cid,
        block: bytes,
        now_us: int,
        *,
        origin: Origin = Origin.STREAM,
        anew: bool = False,
        is_checked: bool = False,
    ) -> bool:
        """Index a new or changed record; tell whether the index holds it now.

        A record that its lexicon refuses, or that is too large to be shown among many, is left out;
        so is an older version of it. One that came
        early is indexed anew where the stream brings it, so that all is in its order.
        anew: index it even if the very same is held. is_checked: its lexicon has taken it already.
        """
        index = _COLLECTIONS.get(ref.collection)
        if index is None:
            return self._put_opaque(conn, ref, cid, block)
        collection_id = self._collection_id(conn, ref.collection)
        held = self._held(conn, ref, collection_id)
        if held is not None:
            if not held.gives_way(cid, origin, anew=anew):
                return True
            self._delete(conn, index, ref, collection_id)
            if held.is_early:
                notifications.forget_record(conn, ref.uri)
                held = None
        value = self._value(ref, block, is_checked=is_checked)
        if value is None:
            if held is not None:
                notifications.forget_record(conn, ref.uri)
            return False
        conn.execute(
            "INSERT INTO record (actor_id, collection_id, rkey, cid, early) VALUES (?, ?, ?, ?, ?)",
            (ref.actor_id, collection_id, ref.rkey, cid, int(origin is Origin.EARLY)),
        )
        record = IndexedRecord(
            ref.did, ref.actor_id, ref.collection, ref.rkey, cid, block, value, now_us, origin
        )
        for blob in record.blobs():
            conn.execute(
                "INSERT INTO blob_ref (actor_id, cid, collection_id, rkey) VALUES (?, ?, ?, ?)",
                (ref.actor_id, blob, collection_id, ref.rkey),
            )
        if origin is Origin.STREAM:
            self._make_way(conn, record, collection_id)
        self._insert(conn, index, record)
        self.counts["indexed"] += 1
        # Subscribers are told once, when the stream has come to a post.
        if record.is_news and held is None and ref.collection == posts.POST:
            self._new_posts.append(ref)
        return True

    def remove(self, conn: Connection, ref: RecordRef, now_us: int | None = None) -> None:
        """Take a deleted record out of the index, and what it told.

        now_us: when it was deleted, if just now; None for what a whole repo no longer has.
        """
        index = _COLLECTIONS.get(ref.collection)
        if index is None:
            opaque.remove(conn, ref)
            return
        if self._delete(conn, index, ref, self._collection_id(conn, ref.collection)):
            if now_us is not None and ref.collection == graph.VERIFICATION:
                notifications.tell_unverified(conn, ref.uri, now_us)
            else:
                notifications.forget_record(conn, ref.uri)
            self.counts["removed"] += 1

    def held(self, conn: Connection, actor_id: int) -> dict[str, Cid]:
        """Map the path of every record held of an account to its CID."""
        rows = conn.rows(
            "SELECT nsid, rkey, cid FROM record JOIN collection ON collection.id = collection_id"
            " WHERE actor_id = ?",
            actor_id,
        )
        known = {f"{nsid}/{rkey}": Cid(cid) for nsid, rkey, cid in rows}
        return known | opaque.held(conn, actor_id)

    def put_all(
        self,
        conn: Connection,
        did: str,
        records: Iterable[tuple[str, Cid]],
        blocks: Mapping[Cid, bytes],
        now_us: int,
        *,
        gap: Gap | None = None,
        anew: bool = False,
    ) -> list[RecordRef]:
        """Index records (path, CID) of a whole repo; give the posts that are new.

        gap: what was written in it, people are told of; of the rest nobody is.
        """
        self.take_new_posts()
        actor_id = actors.intern(conn, did, now_us)
        for path, cid in records:
            ref = ref_of(did, actor_id, path)
            came_us = None if gap is None else gap.arrival_us(ref.rkey, now_us)
            origin, at_us = (Origin.REPO, now_us) if came_us is None else (Origin.GAP, came_us)
            self.put(conn, ref, cid, blocks[cid], at_us, origin=origin, anew=anew)
        post_text.flush(conn)
        return self.take_new_posts()

    def put_early(
        self,
        conn: Connection,
        did: str,
        records: Iterable[tuple[str, Cid]],
        blocks: Mapping[Cid, bytes],
        gap: Gap,
        now_us: int,
    ) -> int | None:
        """Index records (path, CID) ahead of the stream; give how many of them are new.

        Nothing, and None, if the stream is beyond the gap by now, or does not go on.
        """
        actor_id = actors.find(conn, did)
        if actor_id is None or actors.rev_behind(conn, did, gap.until) is None:
            return None
        before = self.counts["indexed"]
        for path, cid in records:
            ref = ref_of(did, actor_id, path)
            came_us = gap.arrival_us(ref.rkey, now_us)
            if came_us is not None:
                self.put(conn, ref, cid, blocks[cid], came_us, origin=Origin.EARLY)
        post_text.flush(conn)
        return self.counts["indexed"] - before

    def settle_early(self, conn: Connection, actor_id: int) -> None:
        """Let what came early stand as it is: the whole repo is here, up to a later rev."""
        conn.execute("UPDATE record SET early = 0 WHERE actor_id = ? AND early = 1", (actor_id,))

    def remove_all(
        self, conn: Connection, did: str, paths: Iterable[str], now_us: int, *, is_news: bool
    ) -> None:
        """Take out records which a whole repo no longer has. is_news: they went in a gap."""
        actor_id = actors.intern(conn, did, now_us)
        for path in paths:
            self.remove(conn, ref_of(did, actor_id, path), now_us if is_news else None)

    def purge_some(self, conn: Connection, did: str, limit: int) -> bool:
        """Take out up to `limit` records of a deleted account; tell whether any are left."""
        actor_id = actors.find(conn, did)
        if actor_id is None:
            return False
        rows = conn.rows(
            "SELECT nsid, rkey FROM record JOIN collection ON collection.id = collection_id"
            " WHERE actor_id = ? LIMIT ?",
            actor_id,
            limit,
        )
        for nsid, rkey in rows:
            self.remove(conn, RecordRef(did, actor_id, nsid, rkey))
        opaque.forget(conn, actor_id)
        return len(rows) == limit

    def drop_foreign(self, conn: Connection) -> None:
        """Delete what was kept of accounts whose PDS, unknown then, turned out to be another's."""
        for (actor_id,) in conn.rows("SELECT DISTINCT actor_id FROM opaque_record"):
            if not self.is_home(conn, actor_id):
                opaque.forget(conn, actor_id)

    def _held(self, conn: Connection, ref: RecordRef, collection_id: int) -> "_Held | None":
        row = conn.row(
            "SELECT cid, early FROM record WHERE actor_id = ? AND collection_id = ? AND rkey = ?",
            ref.actor_id,
            collection_id,
            ref.rkey,
        )
        return None if row is None else _Held(row[0], bool(row[1]))

    def _make_way(self, conn: Connection, record: IndexedRecord, collection_id: int) -> None:
        """Take out the like of the same post that came early: the stream's first one counts."""
        sql = "SELECT rkey FROM record WHERE actor_id = ? AND collection_id = ? AND early = 1"
        if record.collection not in likes_reposts.STANDING:
            return
        early = {rkey for (rkey,) in conn.rows(sql, record.actor_id, collection_id)}
        while early and (rkey := likes_reposts.standing(conn, record)) in early:
            self.remove(conn, RecordRef(record.did, record.actor_id, record.collection, rkey))

    def _put_opaque(self, conn: Connection, ref: RecordRef, cid: Cid, block: bytes) -> bool:
        if not self.is_home(conn, ref.actor_id):
            return False
        opaque.put(conn, ref, cid, block)
        return True

    def _insert(self, conn: Connection, index: RecordIndex, record: IndexedRecord) -> None:
        """Make the rows of a record; one that no index can take must not stop all others."""
        conn.execute("SAVEPOINT record")
        outcome = attempt(index.insert, conn, record)
        if outcome.error is not None:
            if not conn.in_transaction:  # the storage failed, not the record
                raise outcome.error
            conn.execute("ROLLBACK TO record")
            self.counts["failed"] += 1
            log.error("record not indexed uri=%s", record.uri, exc_info=outcome.error)
        conn.execute("RELEASE record")

    def _value(self, ref: RecordRef, block: bytes, *, is_checked: bool) -> Value | None:
        """Decode and check a record; None, and counted, if it is not what it should be."""
        rule = self._validator.record_key_rule(ref.collection)
        if rule.startswith("literal:") and rule != f"literal:{ref.rkey}":
            self.counts["wrong_key"] += 1
            return None
        largest = _SHORT.get(ref.collection, LARGEST_BLOCK)
        if len(block) > largest and ref.collection not in _LONG:
            self.counts["too_large"] += 1
            return None
        try:
            RecordKey(ref.rkey)
            value = decode(block)
            if not is_checked:
                self._validator.record(ref.collection, value)
        except (InvalidCbor, InvalidRecord, InvalidSyntax):
            self.counts["invalid"] += 1
            return None
        return value

    def _delete(
        self, conn: Connection, index: RecordIndex, ref: RecordRef, collection_id: int
    ) -> bool:
        key = (ref.actor_id, collection_id, ref.rkey)
        conn.execute(
            "DELETE FROM record WHERE actor_id = ? AND collection_id = ? AND rkey = ?", key
        )
        if conn.changes() == 0:
            return False
        conn.execute(
            "DELETE FROM blob_ref WHERE actor_id = ? AND collection_id = ? AND rkey = ?", key
        )
        index.delete(conn, ref)
        return True

    def _collection_id(self, conn: Connection, nsid: str) -> int:
        """Return the key of a collection; the schema has them all."""
        if not self._ids:
            self._ids.update(conn.rows("SELECT nsid, id FROM collection"))
        return self._ids[nsid]


def ref_of(did: str, actor_id: int, path: str) -> RecordRef:
    """Make the reference to a record from its path in the repo."""
    collection, _, rkey = path.partition("/")
    return RecordRef(did, actor_id, collection, rkey)
