"""The log of every act of the owner, as the PDS keeps it; and that of the process."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.admin.people import Page

PAGE: Final = 50
ACTORS: Final = ("panel", "command", "token", "member")


class Acts:
    """Read the log."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds

    async def note(self, method: str, about: Mapping[str, Any]) -> None:
        """Write down what was done in the panel itself."""
        await self._pds.note(method, about)

    async def page(self, cursor: str | None, actor: str = "", about: str = "") -> Page:
        """List acts, the newest first; only of an actor, or with a text in them, if given."""
        found: Any = await self._pds.query(
            "internal.hearth.pds.listActs",
            limit=PAGE,
            cursor=cursor,
            actor=actor or None,
            about=about or None,
        )
        return Page(found["acts"], found.get("cursor"))

    async def lines(self, count: int) -> list[str]:
        """The last lines of the log of the process, without secrets."""
        found: Any = await self._pds.query("internal.hearth.pds.getLog", lines=count)
        return list(found["lines"])
