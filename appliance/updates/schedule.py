"""A look at the channel each day, and the change of release in its hour, by the running network."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from appliance.settings import Settings
from appliance.settings_groups_upkeep import UpdateSettings
from appliance.updates.channel import BadChannel, in_order
from appliance.updates.installation import Installation
from appliance.upkeep.own_commands import run_command
from appliance.upkeep.update_journal import Answer, Known, Wish, take_up
from appliance.version import VERSION

# So often it looks whether somebody has asked on the panel.
LOOK_SECONDS: Final = 5.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


def due(
    known: Known, wish: Wish, update: UpdateSettings, unwanted: frozenset[str], now: float
) -> str:
    """Say what to do at this time: "check", "now" for the change, or nothing.

    `unwanted` are releases that were refused, or that this machine has come back from.
    """
    if wish.asked:
        return "now" if wish.asked == "install" else "check"
    since = now - known.checked_at
    if since > (HOUR if known.failure else DAY) or since < 0:
        return "check"
    may = update.automatic and not wish.holds(now) and known.version not in unwanted
    if not (may and _is_news(known.version)) or time.localtime(now).tm_hour != update.hour:
        return ""
    waited = now - known.tried_at
    return "now" if known.tried != known.version or waited > HOUR / 2 or waited < 0 else ""


def _is_news(version: str) -> bool:
    try:
        return in_order(version) > in_order(VERSION)
    except BadChannel:
        return False


def what_is_due(
    settings: Settings, known: Known, installation: Installation, now: float
) -> tuple[str, str]:
    """Say what to do now ("check", "now"), as was asked for or is due; where nothing is, why."""
    if not settings.update.channel:
        return "", "no updates: the setting update.channel names no channel"
    wish, answer = Wish.read(settings.paths.data), Answer.read(installation.answer)
    refused = answer.version if answer.state == "refused" else ""
    unwanted = frozenset((installation.taken_back(), refused))
    action = due(known, wish, settings.update, unwanted, now)
    hours = (now - known.checked_at) / HOUR
    return action, "" if action else f"nothing is due: the channel was read {hours:.0f} hours ago"


class Schedule:
    """Looks again and again whether something is due."""

    def __init__(
        self,
        settings: Settings,
        installation: Installation,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._installation = installation
        self._now = now

    async def run(self) -> None:
        """Look for ever; a worker."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is due, if anything is."""
        data = self._settings.paths.data
        action, _ = what_is_due(self._settings, Known.read(data), self._installation, self._now())
        if not action:
            return
        take_up(data)
        await run_command("update", action, data, *(("--no-wait",) if action == "now" else ()))
