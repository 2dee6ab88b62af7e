"""The settings that the panel shows and changes."""

import asyncio
import contextlib
from collections.abc import Mapping

from appliance.settings import InvalidSettings, Settings, load, load_in
from appliance.settings_file import change


class SettingsDesk:
    """What this process runs with, and what it will run with after the next start."""

    def __init__(self, running: Settings) -> None:
        self.running = running
        self.name = running.network.name
        self._read = load(running.paths.data, {})

    @property
    def stored(self) -> Settings:
        """What the file says, whoever wrote it: a run may be told otherwise by its command line.

        Where it cannot be read any more, what it said last.
        """
        with contextlib.suppress(InvalidSettings):
            self._read = load(self.running.paths.data, {})
        return self._read

    @property
    def shown(self) -> Settings:
        """What the file says; in a trial, whose mode is in no file, with what that mode has."""
        if self.running.network.mode == "dev":
            with contextlib.suppress(InvalidSettings):
                return load_in(self.running.paths.data, "dev")
        return self.stored

    async def change(self, values: Mapping[str, object]) -> bool:
        """Write some settings to the file; tell whether anything differs from before.

        Raises InvalidSettings, with nothing written.
        """
        return await asyncio.to_thread(change, self.running.paths.data, values)

    async def rename(self, name: str) -> None:
        """Give the network a name, at once for the pages of the panel."""
        await self.change({"network.name": name})
        self.name = name
