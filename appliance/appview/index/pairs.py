"""Records that join their author to one other thing, of which only one per pair counts.

Anybody can write two likes of one post. Both are kept; the column `counts` is 1 on the one that is
counted and listed, and passes to the other when that one is deleted.
"""

from typing import Any

from appliance.base.connection import Connection

_INSERT = """
INSERT INTO "TABLE" (actor_id, rkey, OTHER, counts, created_us, indexed_us, sort_us)
SELECT ?1, ?2, ?3,
    NOT EXISTS (SELECT 1 FROM "TABLE" WHERE actor_id = ?1 AND OTHER = ?3 AND counts = 1),
    ?4, ?5, ?6
RETURNING counts
"""
_DELETE = 'DELETE FROM "TABLE" WHERE actor_id = ? AND rkey = ? RETURNING OTHER, counts'
_PROMOTE = """
UPDATE "TABLE" SET counts = 1 WHERE actor_id = ?1 AND rkey =
    (SELECT rkey FROM "TABLE" WHERE actor_id = ?1 AND OTHER = ?2 AND counts = 0 LIMIT 1)
"""


class PairTable:
    """A table (actor_id, rkey, OTHER, counts, created_us, indexed_us, sort_us)."""

    def __init__(self, table: str, other: str) -> None:
        self._insert = _fill(_INSERT, table, other)
        self._delete = _fill(_DELETE, table, other)
        self._promote = _fill(_PROMOTE, table, other)

    def insert(
        self, conn: Connection, actor_id: int, rkey: str, other_id: int, times: tuple[int, int, int]
    ) -> bool:
        """Add a record; tell whether it is the one that counts. times: created, indexed, sort."""
        return bool(conn.value(self._insert, actor_id, rkey, other_id, *times))

    def delete(self, conn: Connection, actor_id: int, rkey: str) -> tuple[int, bool] | None:
        """Remove a record; return what it pointed to, and whether the pair no longer stands."""
        row: tuple[Any, ...] | None = conn.row(self._delete, actor_id, rkey)
        if row is None:
            return None
        other_id, counted = row
        if not counted:
            return other_id, False
        conn.execute(self._promote, (actor_id, other_id))
        return other_id, conn.changes() == 0


def _fill(template: str, table: str, other: str) -> str:
    return template.replace("TABLE", table).replace("OTHER", other)
