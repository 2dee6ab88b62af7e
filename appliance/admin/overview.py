"""How everything is doing: the roles, what they count, what the disk holds, what needs care."""

import asyncio
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.admin.clients import RoleReport, Roles
from appliance.admin.figures import DailyFigures, Point
from appliance.atproto.syntax import Datetime
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.upkeep.checkup import (
    Finding,
    check_backups,
    check_clock,
    check_data_folder,
    check_role,
)

MOVE_SHOWN_SECONDS: Final = 86_400.0
# In the order in which a post travels.
ORDER: Final = ("pds", "relay", "labeler", "appview", "directory", "neighbours")


@dataclass(frozen=True)
class Disk:
    """What fills the disk, in bytes; `kinds` are ours, as they were within the last hour."""

    kinds: tuple[tuple[str, int], ...]
    free: int
    total: int

    @property
    def used(self) -> int:
        return sum(size for _, size in self.kinds)


@dataclass(frozen=True)
class Part:
    """A role on the home page."""

    name: str
    state: str
    uptime: int
    counts: Mapping[str, Any]
    workers: tuple[Mapping[str, Any], ...]

    @property
    def last_error(self) -> str:
        """What the last failure of its background work was."""
        errors = (one.get("lastError") for one in self.workers if one["state"] == "waiting")
        return next((str(error) for error in errors if error), "")


@dataclass(frozen=True)
class Move:
    """An account on its way, or an import under way; `share` of its step is None if unknown."""

    name: str
    what: str
    peer: str
    step: str
    state: str
    share: float | None
    words: str


@dataclass(frozen=True)
class Picture:
    """Everything the home page shows."""

    parts: tuple[Part, ...]
    people: int | None
    posts: int | None
    follows: int | None
    storage: Disk
    findings: tuple[Finding, ...]
    moves: tuple[Move, ...] = ()
    posts_by_day: Sequence[Point] = ()
    events_by_hour: Sequence[Point] = ()


class Overview:
    """Look at everything, fast enough for every view of the home page."""

    def __init__(
        self,
        roles: Roles,
        figures: DailyFigures,
        data: Path,
        clock: Clock,
        *,
        in_service: bool,
    ) -> None:
        self._roles = roles
        self._figures = figures
        self._data = data
        self._clock = clock
        self._in_service = in_service

    async def reports(self) -> list[RoleReport]:
        """What every role says of itself."""
        return await self._roles.reports()

    async def look(self) -> Picture:
        """Ask the roles, and judge what they say."""
        told, days, hours, moves, disk = await asyncio.gather(
            self._roles.reports(),
            self._figures.days(),
            self._figures.events_by_hour(),
            self._moves(),
            asyncio.to_thread(shutil.disk_usage, self._data),
        )
        reports = sorted(told, key=lambda one: ORDER.index(one.name))
        counts = {one.name: (one.status or {}).get("counts", {}) for one in reports}
        records = counts["appview"].get("records")
        return Picture(
            parts=tuple(_part(one) for one in reports),
            people=counts["pds"].get("accounts"),
            posts=_kind(records, "app.bsky.feed.post"),
            follows=_kind(records, "app.bsky.graph.follow"),
            storage=Disk(days.kinds, disk.free, disk.total),
            findings=tuple(await asyncio.to_thread(self._findings, reports)),
            moves=moves,
            posts_by_day=days.posts,
            events_by_hour=hours,
        )

    async def _moves(self) -> tuple[Move, ...]:
        """Ask for the accounts that are on their way, or were until a moment ago."""
        try:
            told: Any = await self._roles.pds.query("internal.hearth.pds.listMoves")
        except XrpcError:
            return ()
        before = Datetime.from_us(int((self._clock.now() - MOVE_SHOWN_SECONDS) * 1_000_000))
        moves = [_move(one) for one in told["moves"] if one["updatedAt"] > before]
        return tuple(_import(one) for one in told["imports"]) + tuple(moves)

    def _findings(self, reports: Iterable[RoleReport]) -> list[Finding]:
        now = self._clock.now()
        found = [*check_data_folder(self._data), *check_clock(now)]
        found.extend(check_backups(self._data, now, expected=self._in_service))
        for one in reports:
            found.extend(check_role(one.name, one.status))
        return [finding for finding in found if finding.level != "good"]


def _move(told: Mapping[str, Any]) -> Move:
    name = str(told.get("handle") or told["did"])
    share = _share(told["done"], told["of"])
    state = str(told["state"])
    return Move(name, told["what"], told["peer"], told["step"], state, share, told["words"])


def _import(told: Mapping[str, Any]) -> Move:
    name = str(told.get("handle") or told["did"])
    share = _share(told["done"], told["of"])
    return Move(name, "import", "", told["phase"], "running", share, "")


def _share(done: int, of: int) -> float | None:
    return min(1.0, done / of) if of else None


def _part(report: RoleReport) -> Part:
    status = report.status
    if status is None:
        return Part(report.name, "silent", 0, {}, ())
    workers = tuple(status["workers"])
    state = "struggling" if any(one["state"] == "waiting" for one in workers) else "running"
    return Part(report.name, state, status["uptime_s"], status["counts"], workers)


def _kind(records: Mapping[str, int] | None, nsid: str) -> int | None:
    """How many records of a kind there are; None when nobody could say."""
    return None if records is None else records.get(nsid, 0)
