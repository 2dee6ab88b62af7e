"""app.bsky.graph.list, listitem, listblock and starterpack."""

from appliance.appview import actors
from appliance.appview.index import subjects
from appliance.appview.index.pairs import PairTable
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.atproto.syntax import AtUri
from appliance.base.connection import Connection

LIST = "app.bsky.graph.list"

_listblocks = PairTable("listblock", "list_id")


def insert_list(conn: Connection, record: IndexedRecord) -> None:
    value = record.value
    avatar = value.get("avatar")
    conn.execute(
        "INSERT INTO list (id, actor_id, cid, purpose, name, avatar, created_us, indexed_us,"
        " sort_us, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            subjects.intern_own(conn, record.uri, record.actor_id),
            record.actor_id,
            str(record.cid),
            value["purpose"],
            value["name"],
            str(avatar["ref"]) if avatar else None,
            *record.times(),
            record.json,
        ),
    )
    actors.count(conn, record.actor_id, lists=1)


def delete_list(conn: Connection, ref: RecordRef) -> None:
    """Remove a list. Its items stay until their own records go."""
    conn.execute("DELETE FROM list WHERE id = ?", (subjects.find(conn, ref.uri),))
    actors.count(conn, ref.actor_id, lists=-conn.changes())


def insert_listitem(conn: Connection, record: IndexedRecord) -> None:
    """Store a list item, if the list is in the same repo: nobody adds to another's list."""
    uri = AtUri.unchecked(record.value["list"])
    if uri.authority != record.did or uri.collection != LIST:
        return
    list_id = subjects.intern_own(conn, uri, record.actor_id)
    target_id = actors.intern(conn, record.value["subject"], record.now_us)
    conn.execute(
        "INSERT INTO listitem (actor_id, rkey, list_id, target_id, counts, created_us, indexed_us,"
        " sort_us) SELECT ?1, ?2, ?3, ?4, NOT EXISTS"
        " (SELECT 1 FROM listitem WHERE list_id = ?3 AND target_id = ?4 AND counts = 1),"
        " ?5, ?6, ?7",
        (record.actor_id, record.rkey, list_id, target_id, *record.times()),
    )


def delete_listitem(conn: Connection, ref: RecordRef) -> None:
    """Remove a list item; a second one for the same account counts from now on."""
    row = conn.row(
        "DELETE FROM listitem WHERE actor_id = ? AND rkey = ? RETURNING list_id, target_id, counts",
        ref.actor_id,
        ref.rkey,
    )
    if row is None or not row[2]:
        return
    conn.execute(
        "UPDATE listitem SET counts = 1 WHERE actor_id = ?1 AND rkey = (SELECT rkey FROM listitem"
        " WHERE actor_id = ?1 AND list_id = ?2 AND target_id = ?3 AND counts = 0 LIMIT 1)",
        (ref.actor_id, row[0], row[1]),
    )


def insert_listblock(conn: Connection, record: IndexedRecord) -> None:
    list_id = subjects.intern(conn, record.value["subject"], record.now_us)
    if list_id is not None:
        _listblocks.insert(conn, record.actor_id, record.rkey, list_id, record.times())


def delete_listblock(conn: Connection, ref: RecordRef) -> None:
    _listblocks.delete(conn, ref.actor_id, ref.rkey)


def insert_starter_pack(conn: Connection, record: IndexedRecord) -> None:
    list_id = subjects.intern(conn, record.value["list"], record.now_us)
    if list_id is None:
        return
    conn.execute(
        "INSERT INTO starter_pack (id, actor_id, cid, list_id, name, created_us, indexed_us,"
        " sort_us, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            subjects.intern_own(conn, record.uri, record.actor_id),
            record.actor_id,
            str(record.cid),
            list_id,
            record.value["name"],
            *record.times(),
            record.json,
        ),
    )
    actors.count(conn, record.actor_id, starter_packs=1)


def delete_starter_pack(conn: Connection, ref: RecordRef) -> None:
    conn.execute("DELETE FROM starter_pack WHERE id = ?", (subjects.find(conn, ref.uri),))
    actors.count(conn, ref.actor_id, starter_packs=-conn.changes())


def is_on_list(conn: Connection, list_uri: str, target_id: int) -> bool:
    """Tell whether an account is on a list."""
    found = conn.value(
        "SELECT 1 FROM subject JOIN listitem ON list_id = subject.id"
        " WHERE uri = ? AND target_id = ? AND counts = 1",
        list_uri,
        target_id,
    )
    return found is not None


INDEXES = (
    RecordIndex(LIST, insert_list, delete_list),
    RecordIndex("app.bsky.graph.listitem", insert_listitem, delete_listitem),
    RecordIndex("app.bsky.graph.listblock", insert_listblock, delete_listblock),
    RecordIndex("app.bsky.graph.starterpack", insert_starter_pack, delete_starter_pack),
)
