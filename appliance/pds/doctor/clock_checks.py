"""Our clock beside those of servers elsewhere, which say in each answer what time it is."""

import asyncio
import statistics
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

from appliance.base.http import HttpClient, OutboundFailed
from appliance.pds.doctor.public_place import PublicPlace
from appliance.upkeep.checkup import Finding

SECONDS: Final = 6.0
# Service tokens live for a minute, and records more than some minutes ahead are dropped.
MOST_SECONDS_OFF: Final = 60.0


async def look(place: PublicPlace, http: HttpClient, now: Callable[[], float]) -> list[Finding]:
    """Compare; nothing is said where nobody can be asked."""
    asked = await asyncio.gather(*(_seconds_behind(http, url, now) for url in place.clocks))
    off = [one for one in asked if one is not None]
    if not off:
        return []
    behind = statistics.median(off)
    if abs(behind) <= MOST_SECONDS_OFF:
        return []
    direction = "behind" if behind > 0 else "ahead of"
    return [
        Finding(
            "Clock",
            "bad",
            f"it is {abs(behind):.0f} seconds {direction} {len(off)} servers elsewhere",
            f"the same time, within {MOST_SECONDS_OFF:.0f} seconds",
            "have it set by the network: timedatectl set-ntp true",
            "clock-wrong",
        )
    ]


async def _seconds_behind(http: HttpClient, url: str, now: Callable[[], float]) -> float | None:
    before = now()
    try:
        answer = await http.request("GET", f"{url}/xrpc/_health", timeout=SECONDS)
        told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (OutboundFailed, KeyError, ValueError, TypeError):
        return None
    return told - (before + now()) / 2
