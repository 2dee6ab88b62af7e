"""The accounts whose host is to be asked where they stand: a queue that survives a restart."""

from dataclasses import dataclass

from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.database import Database

MINUTE_US = 60 * 1_000_000
# Asked again after 1, 2, 4 … 60 minutes; given up after about two days.
LONGEST_PAUSE_MINUTES = 60
MAX_ATTEMPTS = 50
MAX_QUEUED = 20_000
# Of accounts that nobody has heard of, anybody can make up more than we could ever ask about.
MAX_QUEUED_OF_STRANGERS = 500


@dataclass(frozen=True, slots=True)
class Repair:
    """One account to be looked at; `reason` is for people."""

    did: Did
    reason: str
    attempts: int
    added_us: int


class RepairStore:
    """The queue, for the worker that empties it and for people."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def due(self, now_us: int, limit: int) -> list[Repair]:
        """List those whose time has come, the longest waiting first."""
        rows = self._db.read(
            "SELECT did, reason, attempts, added_us FROM repair WHERE due_us <= ?"
            " ORDER BY due_us LIMIT ?",
            now_us,
            limit,
        )
        return [Repair(Did.unchecked(did), *rest) for did, *rest in rows]

    async def extent(self) -> tuple[int, int | None]:
        """Count what waits; tell since when the oldest does, in microseconds since 1970."""
        return await self._db.scan(_extent)

    async def want(self, did: Did, reason: str, due_us: int) -> None:
        await self._db.write(want, did, reason, due_us)

    async def done(self, did: Did) -> None:
        await self._db.write(_done, did)

    async def put_off(self, repair: Repair, now_us: int) -> None:
        """Have it tried again later, later each time; at last give up."""
        await self._db.write(_put_off, repair, now_us)


def want(conn: Connection, did: Did, reason: str, due_us: int, most: int = MAX_QUEUED) -> None:
    """Have an account looked at, at the earlier time if that is wanted already.

    Where `most` wait already, it is left to the weekly comparison.
    """
    if int(conn.value("SELECT count(*) FROM repair")) >= most:
        return
    conn.execute(
        "INSERT INTO repair (did, reason, added_us, due_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (did) DO UPDATE SET due_us = min(due_us, excluded.due_us)",
        (did, reason, due_us, due_us),
    )


def _done(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM repair WHERE did = ?", (did,))


def _put_off(conn: Connection, repair: Repair, now_us: int) -> None:
    if repair.attempts + 1 >= MAX_ATTEMPTS:
        _done(conn, repair.did)
        return
    minutes = min(1 << repair.attempts, LONGEST_PAUSE_MINUTES)
    conn.execute(
        "UPDATE repair SET attempts = attempts + 1, due_us = ? WHERE did = ?",
        (now_us + minutes * MINUTE_US, repair.did),
    )


def _extent(conn: Connection) -> tuple[int, int | None]:
    row = conn.row("SELECT count(*), min(added_us) FROM repair")
    return (0, None) if row is None else (int(row[0]), row[1])
