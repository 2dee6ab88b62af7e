"""app.bsky.actor.profile, and the other records of which an account has one."""

from appliance.appview import actors, notifications
from appliance.appview.index import subjects
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.atproto.syntax import AtUri, JsonObject
from appliance.base.connection import Connection

DECLARATIONS = (
    "app.bsky.actor.status",
    "app.bsky.actor.contentVisibilityDeclaration",
    "app.bsky.notification.declaration",
    "chat.bsky.actor.declaration",
    "com.germnetwork.declaration",
)


def insert_profile(conn: Connection, record: IndexedRecord) -> None:
    """Store a profile; tell the maker of the starter pack it came by."""
    value, actor_id = record.value, record.actor_id
    name, description = value.get("displayName") or None, value.get("description") or None
    pack = value.get("joinedViaStarterPack")
    pack_id = subjects.intern(conn, pack["uri"], record.now_us) if pack else None
    conn.execute(
        "INSERT INTO profile (actor_id, cid, indexed_us, display_name, description, avatar, banner,"
        " pinned_id, joined_via_id, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            actor_id,
            str(record.cid),
            record.now_us,
            name,
            description,
            _blob_cid(value, "avatar"),
            _blob_cid(value, "banner"),
            _pinned(conn, record),
            pack_id,
            record.json,
        ),
    )
    actors.set_profile_text(conn, actor_id, name, description)
    actors.set_created(conn, actor_id, record.created_us if "createdAt" in value else None)
    if pack is not None and pack_id is not None:
        maker = subjects.owner(conn, pack_id)
        notifications.add(conn, record, maker, "starterpack-joined", pack["uri"])


def delete_profile(conn: Connection, ref: RecordRef) -> None:
    conn.execute("DELETE FROM profile WHERE actor_id = ?", (ref.actor_id,))
    actors.set_profile_text(conn, ref.actor_id, None, None)
    actors.set_created(conn, ref.actor_id, None)


def insert_declaration(conn: Connection, record: IndexedRecord) -> None:
    """Keep a declaration as it is."""
    conn.execute(
        "INSERT INTO declaration (actor_id, collection, cid, indexed_us, record)"
        " VALUES (?, ?, ?, ?, ?)",
        (record.actor_id, record.collection, str(record.cid), record.now_us, record.json),
    )


def delete_declaration(conn: Connection, ref: RecordRef) -> None:
    conn.execute(
        "DELETE FROM declaration WHERE actor_id = ? AND collection = ?",
        (ref.actor_id, ref.collection),
    )


def _pinned(conn: Connection, record: IndexedRecord) -> int | None:
    """Return the pinned post, if it is one of the account's own."""
    pinned = record.value.get("pinnedPost")
    if not pinned:
        return None
    uri = AtUri.unchecked(pinned["uri"])
    if uri.authority != record.did or uri.collection != "app.bsky.feed.post":
        return None
    return subjects.intern(conn, uri, record.now_us)


def _blob_cid(value: JsonObject, name: str) -> str | None:
    blob = value.get(name)
    return str(blob["ref"]) if blob else None


INDEXES = (
    RecordIndex("app.bsky.actor.profile", insert_profile, delete_profile),
    *(RecordIndex(nsid, insert_declaration, delete_declaration) for nsid in DECLARATIONS),
)
