"""Hand a set of keys to SQLite as one bound value, and turn addresses into keys and back."""

from collections.abc import Iterable

import orjson

from appliance.atproto.syntax import AtUri, Did, Handle
from appliance.base.database import Database


def json_list(values: Iterable[int] | Iterable[str] | Iterable[tuple[int, int]]) -> str:
    """Write keys as a JSON array for `json_each(?)`."""
    return orjson.dumps(list(values)).decode()


def subject_ids(db: Database, uris: Iterable[str]) -> dict[str, int]:
    """Find the ids of those addresses the index has ever seen."""
    return dict(
        db.read(
            "SELECT s.uri, s.id FROM json_each(?) j CROSS JOIN subject s ON s.uri = j.value",
            json_list(uris),
        )
    )


def subject_id(db: Database, uri: str) -> int | None:
    """Find the id of an address; None if the index never saw it."""
    row = db.read_one("SELECT id FROM subject WHERE uri = ?", uri)
    return None if row is None else int(row[0])


def actor_id(db: Database, actor: Did | Handle) -> int | None:
    """Find the id of an account by DID, or by a handle that was verified both ways."""
    if isinstance(actor, Did):
        row = db.read_one("SELECT id FROM actor WHERE did = ?", actor)
    else:
        row = db.read_one(
            "SELECT id FROM actor WHERE handle = ? ORDER BY status IS NOT NULL, id LIMIT 1", actor
        )
    return None if row is None else int(row[0])


def actor_ids(db: Database, dids: Iterable[str]) -> dict[str, int]:
    """Find the ids of those DIDs the index has ever seen."""
    return dict(
        db.read(
            "SELECT a.did, a.id FROM json_each(?) j CROSS JOIN actor a ON a.did = j.value",
            json_list(dids),
        )
    )


def with_did(db: Database, uri: AtUri) -> AtUri:
    """Write an address that names a handle with the account's DID, where we know it."""
    authority = uri.authority
    if isinstance(authority, Did):
        return uri
    row = db.read_one("SELECT did FROM actor WHERE handle = ? LIMIT 1", authority)
    return uri if row is None else AtUri.unchecked(f"at://{row[0]}{uri[5 + len(authority) :]}")
