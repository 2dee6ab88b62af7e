"""Notifications: made when a record is indexed, one per recipient and record.

Reading them (blocks, mutes, muted threads, what was seen) is the business of the views.
"""

from appliance.appview import actors
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.appview.viewer_state import Subscription
from appliance.base.connection import Connection

DELETED = '{"$type":"app.bsky.notification.defs#recordDeleted"}'
LIFETIME_US = 180 * 86_400 * 1_000_000


def add(
    conn: Connection,
    record: IndexedRecord,
    target_id: int,
    reason: str,
    reason_subject: str | None,
    root_id: int | None = None,
) -> None:
    """Tell target_id of a record that has just arrived.

    Nobody is told of what they did themselves, of the same record twice (so the first reason given
    stands), or of records that come with a whole repo. root_id: subject.id of the thread it is in.
    """
    if not record.is_live or target_id == record.actor_id:
        return
    insert(
        conn,
        target_id,
        record.actor_id,
        reason,
        reason_subject,
        root_id,
        (record.uri, str(record.cid), record.json),
        record.now_us,
    )


def insert(
    conn: Connection,
    target_id: int,
    author_id: int,
    reason: str,
    reason_subject: str | None,
    root_id: int | None,
    record: tuple[str, str, str],
    now_us: int,
) -> None:
    """Store a notification of a record given as (uri, cid, JSON text), unless there is one."""
    conn.execute(
        "INSERT OR IGNORE INTO notification (target_id, author_id, reason, reason_subject,"
        " root_id, uri, cid, sort_us, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (target_id, author_id, reason, reason_subject, root_id, *record[:2], now_us, record[2]),
    )


def tell_subscribers(
    conn: Connection, post: RecordRef, subscribers: list[Subscription], now_us: int
) -> None:
    """Tell those who asked to hear of an account's posts of a new one."""
    row = conn.row(
        "SELECT parent_id, root_id, post.id, cid, record FROM post JOIN subject USING (id)"
        " WHERE uri = ?",
        post.uri,
    )
    if row is None:
        return
    parent_id, root_id, post_id, cid, record = row
    for each in subscribers:
        target_id = actors.find(conn, each.viewer)
        wanted = each.post if parent_id is None else each.reply
        if wanted and target_id is not None and _may_be_told(conn, target_id, post.actor_id):
            insert(
                conn,
                target_id,
                post.actor_id,
                "subscribed-post",
                post.uri,
                root_id or post_id,
                (post.uri, cid, record),
                now_us,
            )


def _may_be_told(conn: Connection, viewer_id: int, actor_id: int) -> bool:
    """Tell whether an account lets a subscriber hear of its posts: by default who follows it."""
    declared = conn.value(
        "SELECT record ->> '$.allowSubscriptions' FROM declaration"
        " WHERE actor_id = ? AND collection = 'app.bsky.notification.declaration'",
        actor_id,
    )
    follows = "SELECT 1 FROM follow WHERE actor_id = ? AND target_id = ? AND counts = 1"
    if viewer_id == actor_id or declared == "none":
        return False
    if conn.value(follows, viewer_id, actor_id) is None:
        return False
    return declared != "mutuals" or conn.value(follows, actor_id, viewer_id) is not None


def forget_record(conn: Connection, uri: str) -> None:
    """Take back what a deleted record told."""
    conn.execute("DELETE FROM notification WHERE uri = ?", (uri,))


def tell_unverified(conn: Connection, uri: str, now_us: int) -> None:
    """Tell who was told of a verification that it is gone; the record no longer exists."""
    conn.execute(
        "UPDATE notification SET reason = 'unverified', sort_us = ?, record = ?"
        " WHERE uri = ? AND reason = 'verified'",
        (now_us, DELETED, uri),
    )


def prune(conn: Connection, now_us: int, limit: int = 5000) -> int:
    """Delete notifications older than half a year; return how many went."""
    conn.execute(
        "DELETE FROM notification WHERE id IN"
        " (SELECT id FROM (SELECT id, sort_us FROM notification ORDER BY id LIMIT ?)"
        " WHERE sort_us < ?)",
        (limit, now_us - LIFETIME_US),
    )
    return conn.changes()
