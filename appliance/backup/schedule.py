"""A backup each night and a proof each week, by the running network itself.

Each is a process of its own (`hearth backup now`, `hearth backup prove`).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from appliance.backup.left_over import put_away
from appliance.backup.places import Disks
from appliance.settings import Settings
from appliance.upkeep.backup_journal import Action, Journal, asked, take_up
from appliance.upkeep.backup_times import DAY, HOUR, TOO_OLD, next_at
from appliance.upkeep.own_commands import run_command

# So often it looks whether somebody has asked on the panel, or plugged a disk in.
LOOK_SECONDS: Final = 5.0
PROOF_EVERY: Final = 7 * DAY


def due(
    journal: Journal, hour: int, now: float, *, began: float = 0.0, cut: bool = False
) -> Action | None:
    """Say what to do at this time: "now" for a backup, "prove" for a proof, or None."""
    if next_at(journal, hour, now, began=began, cut=cut) <= now:
        return "now"
    if now - journal.taken_at > TOO_OLD:
        return None  # what waits is a backup
    if journal.taken_at and now - journal.proven_at > PROOF_EVERY:
        waited = now - journal.proof_tried_at
        return "prove" if waited > DAY or waited < 0 else None
    return None


def what_is_due(
    settings: Settings, journal: Journal, disks: Disks, now: float, began: float = 0.0
) -> tuple[Action | None, str]:
    """Say what to do now, as it was asked for or is due; where nothing is, why.

    `began`: when this network was started, if it runs.
    """
    if not settings.backup.target:
        return None, "no backups: the setting backup.target names no place"
    wish = asked(settings.paths.data)
    if wish is not None:
        return wish, ""
    if not disks.is_there(settings.backup.target):
        return None, "no backup: the disk for it is not there"
    cut = journal.is_cut_off(settings.paths.data)
    action = due(journal, settings.backup.hour, now, began=began, cut=cut)
    if action is None:
        hours = (now - max(journal.taken_at, journal.tried_at)) / HOUR
        return None, f"no backup is due: the last was begun {hours:.0f} hours ago"
    return action, ""


class Schedule:
    """Looks every few seconds whether something is due, or was asked for."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        disks: Disks = Disks(),  # noqa: B008
    ) -> None:
        """A disk that is not plugged in is waited for."""
        self._settings = settings
        self._disks = disks
        self._now = now
        self._began = now()

    async def run(self) -> None:
        """Look for ever; a worker."""
        await asyncio.to_thread(put_away, self._settings.paths.data)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is due, if anything is."""
        data = self._settings.paths.data
        found = Journal.read(data)
        action, _ = what_is_due(self._settings, found, self._disks, self._now(), self._began)
        if action is None:
            return
        take_up(data)
        await run_command("backup", action, data)
