"""The settings that the panel shows and changes."""

import asyncio
from collections.abc import Mapping

from appliance.settings import Settings, changed, defaults, load
from appliance.settings_file import save


class SettingsDesk:
    """What this process runs with, and what it will run with after the next start."""

    def __init__(self, running: Settings) -> None:
        self.running = running
        # A run may be told otherwise by its command line; the file is what lasts.
        self.stored = load(running.paths.data, {})
        self.name = running.network.name

    async def change(self, values: Mapping[str, object]) -> bool:
        """Write some settings to the file; tell whether anything differs from before.

        Raises InvalidSettings, with nothing written.
        """
        before, changed = self.stored, _rebased(self.stored, values)
        await asyncio.to_thread(save, changed)
        self.stored = changed
        return changed != before

    async def rename(self, name: str) -> None:
        """Give the network a name, at once for the pages of the panel."""
        await self.change({"network.name": name})
        self.name = name


def _rebased(stored: Settings, values: Mapping[str, object]) -> Settings:
    """Change settings; what nobody has set follows the mode. Raises InvalidSettings."""
    mode = stored.with_values(
        {"network.mode": values.get("network.mode", stored.network.mode)}
    ).network.mode
    own = dict(changed(stored))
    # Identities that were made inside are still asked for there, and handed on from there.
    kept = {"directory.enabled": True} if stored.directory.enabled else {}
    wanted = {**own, **kept, "network.mode": mode, **values}
    return defaults(mode, stored.paths.data).with_values(wanted)
