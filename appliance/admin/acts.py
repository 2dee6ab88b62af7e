"""The log of every act of the owner, as the PDS keeps it."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.admin.people import Page

PAGE: Final = 50


class Acts:
    """Read the log."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds

    async def note(self, method: str, about: Mapping[str, Any]) -> None:
        """Write down what was done in the panel itself."""
        await self._pds.note(method, about)

    async def page(self, cursor: str | None) -> Page:
        """List acts, the newest first."""
        found: Any = await self._pds.query(
            "internal.hearth.pds.listActs", limit=PAGE, cursor=cursor
        )
        return Page(found["acts"], found.get("cursor"))
