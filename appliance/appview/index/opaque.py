"""Records of collections we know nothing of, kept as they are for accounts hosted here."""

from appliance.appview.records import RecordRef
from appliance.atproto.cid import Cid
from appliance.base.connection import Connection


def put(conn: Connection, ref: RecordRef, cid: Cid, block: bytes) -> None:
    conn.execute(
        "INSERT OR REPLACE INTO opaque_record (actor_id, collection, rkey, cid, block)"
        " VALUES (?, ?, ?, ?, ?)",
        (ref.actor_id, ref.collection, ref.rkey, cid, block),
    )


def remove(conn: Connection, ref: RecordRef) -> None:
    conn.execute(
        "DELETE FROM opaque_record WHERE actor_id = ? AND collection = ? AND rkey = ?",
        (ref.actor_id, ref.collection, ref.rkey),
    )


def held(conn: Connection, actor_id: int) -> dict[str, Cid]:
    """Map the path of every such record of an account to its CID."""
    rows = conn.rows("SELECT collection, rkey, cid FROM opaque_record WHERE actor_id = ?", actor_id)
    return {f"{collection}/{rkey}": Cid(cid) for collection, rkey, cid in rows}


def forget(conn: Connection, actor_id: int) -> None:
    """Delete all of an account: it is gone, or turned out to live elsewhere."""
    conn.execute("DELETE FROM opaque_record WHERE actor_id = ?", (actor_id,))
