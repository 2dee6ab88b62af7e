"""Other Hearths at home, for the page: methods of the neighbours' operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError

OWN: Final = "internal.hearth.neighbours"


class NeighboursAway(Exception):
    """Whoever looks after neighbours does not answer, or is switched off."""


@dataclass(frozen=True)
class Street:
    """Who we are on the network at home, and who else is there; as the methods tell it."""

    name: str
    names: tuple[str, ...]
    announces: bool
    paired: tuple[Mapping[str, Any], ...] = field(default=())
    courses: tuple[Mapping[str, Any], ...] = field(default=())
    seen: tuple[Mapping[str, Any], ...] = field(default=())


class OtherHearths:
    """See them, and pair with them."""

    def __init__(self, role: RoleClient) -> None:
        self._role = role

    async def street(self) -> Street:
        """Look who is there. Raises NeighboursAway."""
        try:
            told: Any = await self._role.query(f"{OWN}.listNeighbours")
        except UpstreamFailure as away:
            raise NeighboursAway from away
        lists = {name: tuple(told[name]) for name in ("paired", "courses", "seen")}
        return Street(told["name"], tuple(told["names"]), told["announces"], **lists)

    async def pair(self, key: str) -> str:
        """Ask for a pair; give the name of what was in the way, or nothing."""
        return await self._done("pair", key=key)

    async def confirm(self, key: str, code: str) -> str:
        """Say that both screens show the code; give what was in the way."""
        return await self._done("confirm", key=key, code=code)

    async def refuse(self, key: str) -> str:
        """Stop what was begun; give what was in the way."""
        return await self._done("refuse", key=key)

    async def unpair(self, key: str) -> str:
        """End a pair; give what was in the way."""
        return await self._done("unpair", key=key)

    async def _done(self, method: str, **fields: str) -> str:
        try:
            await self._role.call(f"{OWN}.{method}", **fields)
        except XrpcError as problem:
            return problem.name
        return ""
