"""app.bsky.feed.generator and app.bsky.labeler.service: services an account announces."""

from appliance.appview import actors
from appliance.appview.index import subjects
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.base.connection import Connection


def insert_generator(conn: Connection, record: IndexedRecord) -> None:
    value = record.value
    avatar = value.get("avatar")
    conn.execute(
        "INSERT INTO generator (id, actor_id, cid, service_did, display_name, avatar, created_us,"
        " indexed_us, sort_us, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            subjects.intern_own(conn, record.uri, record.actor_id),
            record.actor_id,
            str(record.cid),
            value["did"],
            value["displayName"],
            str(avatar["ref"]) if avatar else None,
            *record.times(),
            record.json,
        ),
    )
    actors.count(conn, record.actor_id, feedgens=1)


def delete_generator(conn: Connection, ref: RecordRef) -> None:
    conn.execute("DELETE FROM generator WHERE id = ?", (subjects.find(conn, ref.uri),))
    actors.count(conn, ref.actor_id, feedgens=-conn.changes())


def insert_labeler(conn: Connection, record: IndexedRecord) -> None:
    conn.execute(
        "INSERT INTO labeler (actor_id, id, cid, created_us, indexed_us, record)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            record.actor_id,
            subjects.intern_own(conn, record.uri, record.actor_id),
            str(record.cid),
            record.created_us,
            record.now_us,
            record.json,
        ),
    )
    actors.set_labeler(conn, record.actor_id, True)


def delete_labeler(conn: Connection, ref: RecordRef) -> None:
    conn.execute("DELETE FROM labeler WHERE actor_id = ?", (ref.actor_id,))
    actors.set_labeler(conn, ref.actor_id, False)


INDEXES = (
    RecordIndex("app.bsky.feed.generator", insert_generator, delete_generator),
    RecordIndex("app.bsky.labeler.service", insert_labeler, delete_labeler),
)
