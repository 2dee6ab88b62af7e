"""What the commands that move accounts tell of themselves, so that panel and status can show it."""

import dataclasses
from dataclasses import dataclass
from typing import Final, Literal

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database, Row
from appliance.upkeep.checkup import Finding

State = Literal["running", "waiting", "failed", "done"]

KEPT_US: Final = 30 * 86_400 * 1_000_000
# Commands speak at least every few seconds; one that is silent for so long was killed.
SILENT_US: Final = 60 * 1_000_000
MOST_SHOWN: Final = 100
_FRESH_US: Final = 86_400 * 1_000_000
_SILENT: Final = "It was broken off. Give the same command again: it goes on from there."

_COLUMNS: Final = "did, what, peer, step, done, total, state, words"


@dataclass(frozen=True)
class MoveReport:
    """Where a move stands; `total` is 0 while nobody knows."""

    did: Did
    what: str
    peer: str
    step: str
    done: int
    total: int
    state: State
    words: str


class MoveReports:
    """Keep the last word of each move."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def put(self, report: MoveReport) -> None:
        await self._db.write(replace, report, self._clock.now_us())

    def newest(self) -> list[tuple[MoveReport, int]]:
        """The moves of the last thirty days with their time in microseconds, the newest first.

        One that should be running and has gone silent is shown as failed.
        """
        silent_before = self._clock.now_us() - SILENT_US
        return [_shown(row, silent_before) for row in self._db.read(_NEWEST, MOST_SHOWN)]

    def findings(self) -> list[Finding]:
        """The moves of the last day that wait for somebody."""
        since = self._clock.now_us() - _FRESH_US
        moves = (report for report, updated_us in self.newest() if updated_us > since)
        return [_finding(report) for report in moves if report.state in ("waiting", "failed")]


_NEWEST: Final = f"""
SELECT {_COLUMNS}, updated_us FROM move_report ORDER BY updated_us DESC LIMIT ?
"""  # noqa: S608


def _finding(report: MoveReport) -> Finding:
    done = "waits" if report.state == "waiting" else "stopped"
    return Finding(
        f"Move of {report.did}",
        "warn",
        f"The {report.what} {done} at the step {report.step}. {report.words}",
        "that it goes on to its end",
        "Give the same command again: it goes on from there.",
        "move-stuck",
    )


def _shown(row: Row, silent_before: int) -> tuple[MoveReport, int]:
    report, updated_us = MoveReport(Did.unchecked(row[0]), *row[1:-1]), row[-1]
    if report.state == "running" and updated_us < silent_before:
        report = dataclasses.replace(report, state="failed", words=_SILENT)
    return report, updated_us


def replace(conn: Connection, report: MoveReport, now_us: int) -> None:
    """Store the last word of a move; forget those of long ago."""
    conn.execute("DELETE FROM move_report WHERE updated_us < ?", (now_us - KEPT_US,))
    conn.execute(
        f"INSERT OR REPLACE INTO move_report ({_COLUMNS}, updated_us)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            report.did,
            report.what,
            report.peer,
            report.step,
            report.done,
            report.total,
            report.state,
            report.words,
            now_us,
        ),
    )


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM move_report WHERE did = ?", (did,))
