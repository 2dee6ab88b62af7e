"""The hosts that the relay follows, or that wait for it: methods of the relay's operator."""

from dataclasses import dataclass
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError

RELAY: Final = "internal.hearth.relay"
PAGE: Final = 100


class RelayAway(Exception):
    """The relay does not answer."""


@dataclass(frozen=True)
class OtherHost:
    """A host as the page shows it. `state`: active, idle, offline, throttled, waiting, banned."""

    hostname: str
    state: str
    accounts: int
    limit: int
    waiting_accounts: int
    note: str
    heard_at: str
    is_chosen: bool


class OtherHosts:
    """See hosts and decide about them, over the relay."""

    def __init__(self, relay: RoleClient) -> None:
        self._relay = relay

    async def page(self, cursor: str | None) -> tuple[list[OtherHost], str | None]:
        """List hosts, those that wait first; the cursor of what follows. Raises RelayAway."""
        try:
            answer: Any = await self._relay.query(f"{RELAY}.listHosts", limit=PAGE, cursor=cursor)
        except UpstreamFailure as away:
            raise RelayAway from away
        hosts = [_host(each) for each in answer["hosts"]]
        return sorted(hosts, key=lambda one: one.state != "waiting"), answer.get("cursor")

    async def approve(self, hostname: str) -> bool:
        """Follow a host; tell whether it could be."""
        return await self._done("approveHost", hostname=hostname)

    async def ban(self, hostname: str) -> bool:
        """Follow a host no more, whoever asks; tell whether it could be banned."""
        return await self._done("ban", name=hostname.partition(":")[0], reason="")

    async def lift(self, hostname: str) -> bool:
        """Lift the ban of a host; it waits then. Not if the ban is of a domain above it."""
        return await self._done("unban", name=hostname.partition(":")[0])

    async def _done(self, method: str, **fields: str) -> bool:
        try:
            await self._relay.call(f"{RELAY}.{method}", **fields)
        except XrpcError:
            return False
        return True


def _host(told: dict[str, Any]) -> OtherHost:
    active = told["standing"] == "active"
    return OtherHost(
        hostname=told["hostname"],
        state=told["status"] if active else told["standing"],
        accounts=told["accounts"],
        limit=told["accountLimit"],
        waiting_accounts=told["throttledAccounts"],
        note=told.get("note") or "",
        heard_at=told.get("lastEventAt") or "",
        is_chosen=told["trusted"],
    )
