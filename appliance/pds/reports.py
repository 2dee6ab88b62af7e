"""Reports by members: kept here for the operator to look at."""

from dataclasses import dataclass

from appliance.atproto import data
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database


@dataclass(frozen=True)
class Report:
    """One report; `created_at` in microseconds."""

    id: int
    reported_by: Did
    reason_type: str
    reason: str | None
    subject: JsonObject
    created_at: int


class ReportStore:
    """The reports of this server."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def create(
        self, reported_by: Did, reason_type: str, reason: str | None, subject: JsonObject
    ) -> Report:
        now = self._clock.now_us()
        number = await self._db.write(insert, reported_by, reason_type, reason, subject, now)
        return Report(number, reported_by, reason_type, reason, subject, now)

    async def page(self, before: int | None, limit: int) -> list[Report]:
        """The newest first; `before` is an id."""
        return await self._db.scan(page, before, limit)


def insert(
    conn: Connection,
    reported_by: Did,
    reason_type: str,
    reason: str | None,
    subject: JsonObject,
    now_us: int,
) -> int:
    conn.execute(
        "INSERT INTO report (reported_by, reason_type, reason, subject, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (reported_by, reason_type, reason, data.dumps(subject), now_us),
    )
    return conn.last_insert_rowid()


def page(conn: Connection, before: int | None, limit: int) -> list[Report]:
    rows = conn.rows(
        "SELECT id, reported_by, reason_type, reason, subject, created_at FROM report"
        " WHERE id < ? ORDER BY id DESC LIMIT ?",
        2**62 if before is None else before,
        limit,
    )
    return [
        Report(number, Did.unchecked(by), kind, reason, data.loads(subject), at)
        for number, by, kind, reason, subject, at in rows
    ]
