"""app.bsky.graph.follow, block and verification: one account and another."""

from appliance.appview import actors, notifications
from appliance.appview.index.pairs import PairTable
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.base.connection import Connection

VERIFICATION = "app.bsky.graph.verification"

_follows = PairTable("follow", "target_id")
_blocks = PairTable("block", "target_id")


def insert_follow(conn: Connection, record: IndexedRecord) -> None:
    """Store a follow; count it and tell the followed unless the pair already stands."""
    target_id = actors.intern(conn, record.value["subject"], record.now_us)
    if _follows.insert(conn, record.actor_id, record.rkey, target_id, record.times()):
        actors.count_follow(conn, record.actor_id, target_id, 1)
        notifications.add(conn, record, target_id, "follow", None)


def delete_follow(conn: Connection, ref: RecordRef) -> None:
    """Remove a follow; another one of the same pair counts from now on."""
    gone = _follows.delete(conn, ref.actor_id, ref.rkey)
    if gone is not None and gone[1]:
        actors.count_follow(conn, ref.actor_id, gone[0], -1)


def insert_block(conn: Connection, record: IndexedRecord) -> None:
    target_id = actors.intern(conn, record.value["subject"], record.now_us)
    _blocks.insert(conn, record.actor_id, record.rkey, target_id, record.times())


def delete_block(conn: Connection, ref: RecordRef) -> None:
    _blocks.delete(conn, ref.actor_id, ref.rkey)


def insert_verification(conn: Connection, record: IndexedRecord) -> None:
    """Store a verification and tell the verified."""
    value = record.value
    target_id = actors.intern(conn, value["subject"], record.now_us)
    conn.execute(
        "INSERT INTO verification (actor_id, rkey, target_id, handle, display_name, created_us,"
        " indexed_us, sort_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.actor_id,
            record.rkey,
            target_id,
            value["handle"].lower(),
            value["displayName"],
            *record.times(),
        ),
    )
    notifications.add(conn, record, target_id, "verified", None)


def delete_verification(conn: Connection, ref: RecordRef) -> None:
    conn.execute(
        "DELETE FROM verification WHERE actor_id = ? AND rkey = ?", (ref.actor_id, ref.rkey)
    )


def follows(conn: Connection, actor_id: int, target_id: int) -> bool:
    """Tell whether one account follows another."""
    found = conn.value(
        "SELECT 1 FROM follow WHERE actor_id = ? AND target_id = ? AND counts = 1",
        actor_id,
        target_id,
    )
    return found is not None


INDEXES = (
    RecordIndex("app.bsky.graph.follow", insert_follow, delete_follow),
    RecordIndex("app.bsky.graph.block", insert_block, delete_block),
    RecordIndex(VERIFICATION, insert_verification, delete_verification),
)
