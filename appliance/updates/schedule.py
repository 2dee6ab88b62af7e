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
from appliance.upkeep.update_journal import Answer, Known, Wish
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
            if self._settings.update.channel:
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is due, if anything is."""
        data = self._settings.paths.data
        wish = Wish.read(data)
        action = due(Known.read(data), wish, self._settings.update, self._unwanted(), self._now())
        if not action:
            return
        if wish.asked:
            wish.note(data, asked="")
        await run_command("update", action, data, *(("--no-wait",) if action == "now" else ()))

    def _unwanted(self) -> frozenset[str]:
        answer = Answer.read(self._installation.answer)
        refused = answer.version if answer.state == "refused" else ""
        return frozenset((self._installation.taken_back(), refused))
