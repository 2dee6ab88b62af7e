"""The backups, over the PDS: what is known of them, and to have one taken or proven."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.admin.clients import RoleClient

BACKUPS: Final = "internal.hearth.backups"


class Backups:
    """See and ask."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds

    async def state(self) -> Mapping[str, Any]:
        """What there is to know; fields as in internal.hearth.backups.getState."""
        found: Any = await self._pds.query(f"{BACKUPS}.getState")
        return dict(found)

    async def ask(self, what: str) -> None:
        """Have a backup taken ("now"), or proven ("prove"). Raises XrpcError."""
        await self._pds.call(f"{BACKUPS}.askForBackup", what=what)
