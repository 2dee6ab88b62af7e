"""Figures for charts and forecasts: of each day, from the PDS; of each hour, from the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.upkeep.storage import KINDS

MONTH: Final = 31
# A forecast looks back so far, and needs so much.
SEASON: Final = 90
ENOUGH_DAYS: Final = 7
YEAR: Final = 365


@dataclass(frozen=True)
class Point:
    """A bar of a chart; `at` is a day or a time as the protocol writes it."""

    at: str
    value: int


@dataclass(frozen=True)
class Forecast:
    """In bytes; `days_left` is None where the disk does not fill up."""

    per_day: int
    in_a_year: int
    days_left: int | None


@dataclass(frozen=True)
class Days:
    """What is known of the days, the oldest first; empty where the PDS does not answer."""

    posts: Sequence[Point] = ()
    used: Sequence[Point] = ()
    free: int = 0
    kinds: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Share:
    """What an account keeps here, in bytes by kind."""

    did: str
    handle: str
    records: int
    blobs: int
    written: int
    pictures: int
    videos: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.written + self.pictures + self.videos


class DailyFigures:
    """Read them."""

    def __init__(self, pds: RoleClient, relay: RoleClient) -> None:
        self._pds = pds
        self._relay = relay

    async def days(self, number: int = MONTH) -> Days:
        """What was counted and measured on the last days."""
        try:
            found: Any = await self._pds.query("internal.hearth.pds.listFigures", days=number)
        except XrpcError:
            return Days()
        return _days(found["figures"])

    async def events_by_hour(self) -> list[Point]:
        """How many events the relay sent on in each hour of the last day."""
        try:
            found: Any = await self._relay.query("internal.hearth.relay.getStreamRate")
        except XrpcError:
            return []
        return [Point(one["at"], one["events"]) for one in found["hours"]]

    async def shares(self) -> list[Share]:
        """Who keeps most here."""
        found: Any = await self._pds.query("internal.hearth.pds.listStorage", limit=100)
        return [
            Share(
                did=one["did"],
                handle=one.get("handle", ""),
                records=one["records"],
                blobs=one["blobs"],
                written=one["recordBytes"],
                pictures=one["bytes"] - one["videoBytes"],
                videos=one["videoBytes"],
            )
            for one in found["accounts"]
        ]


def forecast(days: Days) -> Forecast | None:
    """Say where this leads, if it goes on as until now; None where it is too early to say."""
    known = days.used[-SEASON:]
    if not known:
        return None
    first, last = known[0], known[-1]
    span = (date.fromisoformat(last.at) - date.fromisoformat(first.at)).days
    if span < ENOUGH_DAYS:
        return None
    per_day = (last.value - first.value) / span
    # An index that was built anew, or pictures that were deleted, are no reason to expect less.
    growth = max(0.0, per_day)
    left = int(days.free / growth) if growth else None
    return Forecast(int(growth), int(last.value + YEAR * growth), left)


def _days(figures: list[dict[str, Any]]) -> Days:
    by_day: dict[str, dict[str, int]] = {}
    for one in figures:
        by_day.setdefault(one["day"], {})[one["name"]] = one["value"]
    measured = {day: named for day, named in by_day.items() if "bytes.free" in named}
    newest = measured[max(measured)] if measured else {}
    return Days(
        posts=_without_gaps(
            {day: named["posts"] for day, named in by_day.items() if "posts" in named}
        ),
        used=[Point(day, sum(_kinds(named).values())) for day, named in sorted(measured.items())],
        free=newest.get("bytes.free", 0),
        kinds=tuple(_kinds(newest).items()) if newest else (),
    )


def _kinds(named: dict[str, int]) -> dict[str, int]:
    return {kind: named.get(f"bytes.{kind}", 0) for kind in KINDS}


def _without_gaps(values: dict[str, int]) -> list[Point]:
    """Give every day between the first and the last its place."""
    if not values:
        return []
    day, last = date.fromisoformat(min(values)), date.fromisoformat(max(values))
    points = []
    while day <= last:
        points.append(Point(str(day), values.get(str(day), 0)))
        day += timedelta(1)
    return points
