"""New releases, over the PDS: what is known of them, and what the owner wants done."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.admin.clients import RoleClient

UPDATES: Final = "internal.hearth.updates"


class Updates:
    """See and decide."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds

    async def state(self) -> Mapping[str, Any]:
        """What there is to know; fields as in internal.hearth.updates.getState."""
        found: Any = await self._pds.query(f"{UPDATES}.getState")
        return dict(found)

    async def ask(self, what: str) -> None:
        await self._pds.call(f"{UPDATES}.askForUpdate", what=what)

    async def hold(self, days: int | None) -> None:
        await self._pds.call(f"{UPDATES}.holdUpdates", days=days)
