"""app.bsky.feed.like and app.bsky.feed.repost."""

from appliance.appview import notifications
from appliance.appview.index import subjects
from appliance.appview.index.pairs import PairTable
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.atproto.syntax import AtUri
from appliance.base.connection import Connection

LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"

_COUNTED = (
    'SELECT rkey FROM "{}" WHERE actor_id = ?'
    " AND subject_id = (SELECT id FROM subject WHERE uri = ?) AND counts = 1"
)
STANDING = {LIKE: _COUNTED.format("like"), REPOST: _COUNTED.format("repost")}

_likes = PairTable("like", "subject_id")


def insert_like(conn: Connection, record: IndexedRecord) -> None:
    """Store a like; count it and tell the author unless the pair already stands."""
    uri = record.value["subject"]["uri"]
    subject_id = subjects.intern(conn, uri, record.now_us)
    if subject_id is None:
        return
    counts = _likes.insert(conn, record.actor_id, record.rkey, subject_id, record.times())
    via_id = _via(conn, record, subject_id)
    if via_id is not None:
        conn.execute(
            'UPDATE "like" SET via_id = ? WHERE actor_id = ? AND rkey = ?',
            (via_id, record.actor_id, record.rkey),
        )
    if counts:
        subjects.count_likes(conn, subject_id, 1)
        _notify(conn, record, subject_id, via_id, "like")


def delete_like(conn: Connection, ref: RecordRef) -> None:
    """Remove a like; another one of the same pair counts from now on."""
    gone = _likes.delete(conn, ref.actor_id, ref.rkey)
    if gone is not None and gone[1]:
        subjects.count_likes(conn, gone[0], -1)


def insert_repost(conn: Connection, record: IndexedRecord) -> None:
    """Store a repost with its place in feeds; count it unless the pair already stands."""
    uri = record.value["subject"]["uri"]
    subject_id = subjects.intern(conn, uri, record.now_us)
    if subject_id is None:
        return
    own_id = subjects.intern_own(conn, record.uri, record.actor_id)
    via_id = _via(conn, record, subject_id)
    created_us, indexed_us, sort_us = record.times()
    counts = conn.value(
        "INSERT INTO repost (id, actor_id, rkey, cid, subject_id, counts, created_us, indexed_us,"
        " sort_us, via_id) SELECT ?1, ?2, ?3, ?4, ?5, NOT EXISTS"
        " (SELECT 1 FROM repost WHERE actor_id = ?2 AND subject_id = ?5 AND counts = 1),"
        " ?6, ?7, ?8, ?9 RETURNING counts",
        own_id,
        record.actor_id,
        record.rkey,
        str(record.cid),
        subject_id,
        created_us,
        indexed_us,
        sort_us,
        via_id,
    )
    if AtUri.unchecked(uri).collection == "app.bsky.feed.post":
        conn.execute(
            "INSERT INTO feed_item (sort_us, id, actor_id, post_id) VALUES (?, ?, ?, ?)",
            (sort_us, own_id, record.actor_id, subject_id),
        )
    if counts:
        subjects.count_reposts(conn, subject_id, 1)
        _notify(conn, record, subject_id, via_id, "repost")


def delete_repost(conn: Connection, ref: RecordRef) -> None:
    """Remove a repost; another one of the same pair counts from now on."""
    row = conn.row(
        "DELETE FROM repost WHERE actor_id = ? AND rkey = ?"
        " RETURNING id, subject_id, counts, sort_us",
        ref.actor_id,
        ref.rkey,
    )
    if row is None:
        return
    own_id, subject_id, counted, sort_us = row
    conn.execute("DELETE FROM feed_item WHERE sort_us = ? AND id = ?", (sort_us, own_id))
    if not counted:
        return
    conn.execute(
        "UPDATE repost SET counts = 1 WHERE id = (SELECT id FROM repost"
        " WHERE actor_id = ? AND subject_id = ? AND counts = 0 LIMIT 1)",
        (ref.actor_id, subject_id),
    )
    if conn.changes() == 0:
        subjects.count_reposts(conn, subject_id, -1)


def standing(conn: Connection, record: IndexedRecord) -> str:
    """Return the key of the record that counts for the pair a like or repost makes, or nothing."""
    found = conn.value(STANDING[record.collection], record.actor_id, record.value["subject"]["uri"])
    return "" if found is None else str(found)


def _via(conn: Connection, record: IndexedRecord, subject_id: int) -> int | None:
    """Return the repost a like or repost came through, if it really is one of the same post."""
    via = record.value.get("via")
    if via is None:
        return None
    via_id: int | None = conn.value(
        "SELECT repost.id FROM subject JOIN repost USING (id) WHERE uri = ? AND subject_id = ?",
        via["uri"],
        subject_id,
    )
    return via_id


def _notify(
    conn: Connection, record: IndexedRecord, subject_id: int, via_id: int | None, reason: str
) -> None:
    if not record.is_live:
        return
    uri = record.value["subject"]["uri"]
    notifications.add(conn, record, subjects.owner(conn, subject_id), reason, uri)
    if via_id is not None:
        reposter = subjects.owner(conn, via_id)
        notifications.add(
            conn, record, reposter, f"{reason}-via-repost", record.value["via"]["uri"]
        )


INDEXES = (
    RecordIndex(LIKE, insert_like, delete_like),
    RecordIndex(REPOST, insert_repost, delete_repost),
)
