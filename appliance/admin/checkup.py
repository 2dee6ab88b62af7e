"""What the doctor finds: of the computer and its files here, of everything else by the PDS."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.admin.clients import RoleReport, Roles
from appliance.atproto.syntax import Datetime
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.upkeep.causes import told_apart
from appliance.upkeep.checkup import (
    Finding,
    check_backups,
    check_clock,
    check_data_folder,
    check_role,
)
from appliance.upkeep.machine_checks import Machine

PDS: Final = "internal.hearth.pds"


@dataclass(frozen=True)
class Looked:
    """What was found; `step` is what is looked at now, empty when nobody looks.

    `ended`: when the last look ended, as text; empty before the first. `is_away`: the PDS does not
    answer.
    """

    troubles: Sequence[Finding]
    well: Sequence[Finding]
    step: str = ""
    ended: str = ""
    is_away: bool = False


class Checkup:
    """Have everything looked over, and tell what was found."""

    def __init__(self, roles: Roles, data: Path, clock: Clock, *, in_service: bool) -> None:
        self._roles = roles
        self._data = data
        self._clock = clock
        self._in_service = in_service

    async def begin(self) -> None:
        """Have the PDS look, unless it does. Raises XrpcError."""
        await self._roles.pds.call(f"{PDS}.beginExamination")

    async def mend(self) -> None:
        """Have the PDS mend what is damaged on its disk, then look. Raises XrpcError."""
        await self._roles.pds.order(f"{PDS}.beginExamination", mend=True)

    async def try_again(self) -> None:
        """Have what failed and waits tried at once. Raises XrpcError."""
        await self._roles.pds.call("internal.hearth.upkeep.tryAgain")

    async def way_in(self, since: float = 0.0) -> Looked:
        """Fetch what the PDS found of itself; have it look, if it has not since then.

        Raises XrpcError.
        """
        changed = Datetime.from_us(int(since * 1_000_000))
        told: Any = await self._roles.pds.query(f"{PDS}.getExamination")
        if not told["isRunning"] and told.get("begunAt", "") < changed:
            await self.begin()
            told = await self._roles.pds.query(f"{PDS}.getExamination")
        return _told(told, [])

    async def look(self) -> Looked:
        """Look at what is here, and fetch what the last look of the PDS found."""
        # Parts tell of what was found, too: asked after it, none tells of what is over by then.
        try:
            told: Any = await self._roles.pds.query(f"{PDS}.getExamination")
        except XrpcError:
            told = None
        reports = await self._roles.reports()
        found = await asyncio.to_thread(self._here, reports)
        return _sorted(found, is_away=True) if told is None else _told(told, found)

    def _here(self, reports: Sequence[RoleReport]) -> list[Finding]:
        now = self._clock.now()
        found = [*check_data_folder(self._data), *check_clock(now), *Machine().look(self._data)]
        found += check_backups(self._data, now, expected=self._in_service)
        for one in reports:
            found += check_role(one.name, one.status)
        return found


def _told(told: Any, here: Sequence[Finding]) -> Looked:
    """Put together what was found here and what the PDS tells of its look."""
    found = [*here, *(Finding(**each) for each in told["findings"])]
    step = (told["step"] or "starting") if told["isRunning"] else ""
    return _sorted(found, step=step, ended=told.get("endedAt", ""))


def _sorted(found: Sequence[Finding], **more: Any) -> Looked:
    """Part what is well from what is not; the worst comes first."""
    told = told_apart(found)
    bad, warn, good = ([one for one in told if one.level == level] for level in _LEVELS)
    return Looked([*bad, *warn], good, **more)


_LEVELS: Final = ("bad", "warn", "good")
