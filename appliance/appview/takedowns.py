"""What our own operator has taken down: accounts, records and blobs.

Kept in `viewers.sqlite`, for the index may be dropped, and in memory, for every page asks. There
are as many as one operator decides: a few.
"""

from collections.abc import Callable, Set
from typing import NamedTuple

from appliance.base.connection import Connection
from appliance.base.database import Database


class Takedown(NamedTuple):
    """A decision: the operator's own reference, if any, and when it was made (microseconds)."""

    ref: str | None
    created_us: int


class Takedowns:
    """Subjects that nobody is shown: DIDs, at:// URIs, and blobs as `blob_name` writes them."""

    def __init__(self, db: Database, now_us: Callable[[], int]) -> None:
        self._db = db
        self._now_us = now_us
        self._made: dict[str, Takedown] = {}

    async def load(self) -> None:
        """Read what was decided before."""
        self._made = await self._db.scan(_all)

    @property
    def subjects(self) -> Set[str]:
        """All of them, as they are at any moment."""
        return self._made.keys()

    def get(self, subject: str) -> Takedown | None:
        return self._made.get(subject)

    async def put(self, subject: str, ref: str | None) -> None:
        """Take something down. A repeated decision takes the place of the one before."""
        made = Takedown(ref, self._now_us())
        await self._db.write(_put, subject, made)
        self._made[subject] = made

    async def remove(self, subject: str) -> None:
        """Show something again."""
        await self._db.write(_remove, subject)
        self._made.pop(subject, None)


def blob_name(did: str, cid: str) -> str:
    """Name a blob of an account."""
    return f"{did}/{cid}"


def _all(conn: Connection) -> dict[str, Takedown]:
    rows = conn.rows("SELECT subject, ref, created_us FROM takedown")
    return {subject: Takedown(ref, created_us) for subject, ref, created_us in rows}


def _put(conn: Connection, subject: str, made: Takedown) -> None:
    conn.execute("INSERT OR REPLACE INTO takedown VALUES (?, ?, ?)", (subject, *made))


def _remove(conn: Connection, subject: str) -> None:
    conn.execute("DELETE FROM takedown WHERE subject = ?", (subject,))
