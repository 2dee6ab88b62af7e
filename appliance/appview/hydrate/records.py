"""Find one record by its address, in whichever table keeps it whole."""

from typing import Final, NamedTuple

from appliance.atproto.cid import Cid
from appliance.atproto.data import dumps, record_json
from appliance.atproto.syntax import AtUri
from appliance.base.database import Database


class WholeRecord(NamedTuple):
    """A record as JSON text."""

    cid: str
    record: str


# Bound: the address.
_BY_URI: Final = {
    f"app.bsky.{name}": (
        f"SELECT r.cid, r.record FROM subject s CROSS JOIN {table} r ON r.id = s.id"  # noqa: S608
        " WHERE s.uri = ?"
    )
    for name, table in (
        ("feed.post", "post"),
        ("feed.generator", "generator"),
        ("graph.list", "list"),
        ("graph.starterpack", "starter_pack"),
        ("labeler.service", "labeler"),
    )
}
_GATES: Final = {
    f"app.bsky.feed.{table}": (
        f"SELECT g.cid, g.record FROM subject s CROSS JOIN {table} g ON g.post_id = s.id"  # noqa: S608
        " WHERE s.uri = replace(?, ?, ?)"
    )
    for table in ("threadgate", "postgate")
}


def find_record(db: Database, actor_id: int, collection: str, uri: str) -> WholeRecord | None:
    """Find a record; None if the index does not hold it, or not whole."""
    if collection in _BY_URI:
        row = db.read_one(_BY_URI[collection], uri)
    elif collection in _GATES:
        # A gate has the key of its post.
        row = db.read_one(_GATES[collection], uri, f"/{collection}/", "/app.bsky.feed.post/")
    elif not uri.endswith("/self"):
        return None
    elif collection == "app.bsky.actor.profile":
        row = db.read_one("SELECT cid, record FROM profile WHERE actor_id = ?", actor_id)
    else:
        row = db.read_one(
            "SELECT cid, record FROM declaration WHERE actor_id = ? AND collection = ?",
            actor_id,
            collection,
        )
    return None if row is None else WholeRecord._make(row)


def record_cid(db: Database, uri: AtUri) -> Cid | None:
    """Give the CID of a record the index holds, of any collection."""
    row = db.read_one(
        "SELECT r.cid FROM actor a CROSS JOIN collection c CROSS JOIN record r"
        " ON r.actor_id = a.id AND r.collection_id = c.id"
        " WHERE a.did = ? AND c.nsid = ? AND r.rkey = ?",
        uri.authority,
        uri.collection,
        uri.rkey,
    )
    return None if row is None else Cid(row[0])


def find_opaque(db: Database, actor_id: int, collection: str, rkey: str) -> WholeRecord | None:
    """Find a record of a collection we know nothing of."""
    row = db.read_one(
        "SELECT cid, block FROM opaque_record WHERE actor_id = ? AND collection = ? AND rkey = ?",
        actor_id,
        collection,
        rkey,
    )
    if row is None:
        return None
    return WholeRecord(str(Cid(row[0])), dumps(record_json(row[1])).decode())
