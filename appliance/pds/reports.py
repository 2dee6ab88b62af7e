"""Reports by members: kept here for the operator, until they are closed."""

from dataclasses import dataclass

from appliance.atproto import data
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database

_COLUMNS = "id, reported_by, reason_type, reason, subject, created_at, closed_at, outcome"


class NoSuchReport(LookupError):
    """There is no report of this number."""

    xrpc_name = "NotFound"

    def __init__(self) -> None:
        super().__init__("There is no such report")


@dataclass(frozen=True)
class Report:
    """One report; times in microseconds. `outcome` is the operator's note at its end."""

    id: int
    reported_by: Did
    reason_type: str
    reason: str | None
    subject: JsonObject
    created_at: int
    closed_at: int | None = None
    outcome: str = ""


class ReportStore:
    """The reports of this server."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def create(
        self, reported_by: Did, reason_type: str, reason: str | None, subject: JsonObject
    ) -> Report:
        """Keep a report. The same one twice is one; a muted reporter's is closed from the start."""
        now = self._clock.now_us()
        new = Report(0, reported_by, reason_type, reason, subject, now)
        return await self._db.write(add, new)

    async def page(
        self, before: int | None, limit: int, *, only_open: bool = False
    ) -> list[Report]:
        """The newest first; `before` is an id."""
        return await self._db.scan(page, before, limit, only_open)

    async def count_open(self) -> int:
        return await self._db.scan(count_open)

    async def close(self, number: int, outcome: str) -> None:
        """Close a report with a note. Raises NoSuchReport."""
        await self._db.write(close, number, outcome, self._clock.now_us())

    async def mute(self, did: Did, *, muted: bool) -> None:
        """Listen to a reporter no more, or again. What they reported before stays as it is."""
        await self._db.write(mute, did, self._clock.now_us() if muted else None)

    async def muted(self) -> list[Did]:
        return await self._db.scan(muted_reporters)


def add(conn: Connection, new: Report) -> Report:
    subject = data.dumps(new.subject)
    known = conn.row(
        f"SELECT {_COLUMNS} FROM report WHERE reported_by = ? AND reason_type = ?"  # noqa: S608
        " AND reason IS ? AND subject = ? AND closed_at IS NULL",
        new.reported_by,
        new.reason_type,
        new.reason,
        subject,
    )
    if known is not None:
        return _report(known)
    is_muted = conn.value("SELECT 1 FROM muted_reporter WHERE did = ?", new.reported_by)
    conn.execute(
        "INSERT INTO report (reported_by, reason_type, reason, subject, created_at, closed_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(new.reported_by, new.reason_type, new.reason, subject, new.created_at),
            new.created_at if is_muted else None,
        ),
    )
    return require(conn, conn.last_insert_rowid())


def require(conn: Connection, number: int) -> Report:
    """Raises NoSuchReport."""
    row = conn.row(f"SELECT {_COLUMNS} FROM report WHERE id = ?", number)  # noqa: S608
    if row is None:
        raise NoSuchReport
    return _report(row)


def page(conn: Connection, before: int | None, limit: int, only_open: bool) -> list[Report]:
    narrowed = " AND closed_at IS NULL" if only_open else ""
    rows = conn.rows(
        f"SELECT {_COLUMNS} FROM report WHERE id < ?{narrowed} ORDER BY id DESC LIMIT ?",  # noqa: S608
        2**62 if before is None else before,
        limit,
    )
    return [_report(row) for row in rows]


def count_open(conn: Connection) -> int:
    return int(conn.value("SELECT count(*) FROM report WHERE closed_at IS NULL") or 0)


def close(conn: Connection, number: int, outcome: str, now_us: int) -> None:
    require(conn, number)
    conn.execute(
        "UPDATE report SET closed_at = coalesce(closed_at, ?), outcome = ? WHERE id = ?",
        (now_us, outcome, number),
    )


def mute(conn: Connection, did: Did, muted_at: int | None) -> None:
    conn.execute("DELETE FROM muted_reporter WHERE did = ?", (did,))
    if muted_at is not None:
        conn.execute("INSERT INTO muted_reporter (did, muted_at) VALUES (?, ?)", (did, muted_at))


def muted_reporters(conn: Connection) -> list[Did]:
    rows = conn.rows("SELECT did FROM muted_reporter ORDER BY muted_at DESC LIMIT 1000")
    return [Did.unchecked(did) for (did,) in rows]


def _report(row: tuple[int, str, str, str | None, bytes, int, int | None, str]) -> Report:
    number, by, kind, reason, subject, at, closed_at, outcome = row
    return Report(
        number, Did.unchecked(by), kind, reason, data.loads(subject), at, closed_at, outcome
    )
