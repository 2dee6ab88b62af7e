"""Index everything anew from the repos, while what is indexed goes on being shown."""

from collections.abc import Callable
from typing import Any

from appliance.base.connection import Connection
from appliance.base.database import Database


class Rebuilds:
    """Asks for every repo again; the worker that fetches repos does the rest."""

    def __init__(self, db: Database, now_us: Callable[[], int], on_due: Callable[[], None]) -> None:
        self._db = db
        self._now_us = now_us
        self._on_due = on_due

    async def start(self) -> int:
        """Begin; return how many accounts there are. One that runs already begins once more."""
        accounts = await self._db.write(start, self._now_us())
        self._on_due()
        return accounts


def start(conn: Connection, now_us: int) -> int:
    """Mark every active account of which we hold records; return how many."""
    conn.execute(
        "UPDATE actor SET anew = 1, sync = 'pending', sync_error = 'indexed anew',"
        " sync_attempts = 0, sync_due_us = ?1 WHERE rev IS NOT NULL AND status IS NULL",
        (now_us,),
    )
    accounts = conn.changes()
    conn.execute("INSERT OR REPLACE INTO rebuild VALUES (1, ?, ?)", (now_us, accounts))
    return accounts


def is_wanted(conn: Connection, did: str) -> bool:
    """Tell whether what is held of an account is to be indexed again, too."""
    return bool(conn.value("SELECT anew FROM actor WHERE did = ?", did))


def progress(conn: Connection) -> dict[str, Any]:
    """Say how the last rebuild goes: begun when (microseconds), how many accounts, how many left.

    Nothing if there never was one.
    """
    row = conn.row("SELECT started_us, accounts FROM rebuild")
    if row is None:
        return {}
    left = conn.value("SELECT count(*) FROM actor WHERE anew = 1 AND status IS NULL")
    return {"rebuild": {"started_us": row[0], "accounts": row[1], "left": left}}
