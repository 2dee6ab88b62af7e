"""Which accounts have records in which collections, for listReposByCollection.

An entry stays when the last record goes: only the repo itself could tell.
"""

from collections.abc import Iterable

from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.database import Database

MAX_COLLECTIONS = 1000


class CollectionStore:
    """The index, for reading inline."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(self, collection: str, after: int, limit: int) -> list[tuple[int, Did, bool]]:
        """List (id, DID, active) of accounts in a collection, behind an account's id."""
        rows = self._db.read(
            "SELECT a.id, a.did, a.active AND NOT a.throttled AND a.local_status IS NULL"
            " FROM account_collection AS c JOIN account AS a ON a.id = c.account_id"
            " WHERE c.collection = ? AND c.account_id > ? ORDER BY c.account_id LIMIT ?",
            collection,
            after,
            limit,
        )
        return [(number, Did.unchecked(did), bool(active)) for number, did, active in rows]


def note(conn: Connection, account_id: int, collections: Iterable[str]) -> None:
    """Note that an account has records in these collections."""
    for collection in collections:
        known = conn.value(
            "SELECT 1 FROM account_collection WHERE collection = ? AND account_id = ?",
            collection,
            account_id,
        )
        if known is None and _count(conn, account_id) < MAX_COLLECTIONS:
            conn.execute(
                "INSERT INTO account_collection (collection, account_id) VALUES (?, ?)",
                (collection, account_id),
            )


def forget(conn: Connection, account_id: int) -> None:
    """Forget the collections of an account that is gone."""
    conn.execute("DELETE FROM account_collection WHERE account_id = ?", (account_id,))


def _count(conn: Connection, account_id: int) -> int:
    return int(
        conn.value("SELECT count(*) FROM account_collection WHERE account_id = ?", account_id)
    )
