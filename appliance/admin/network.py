"""Beyond this network: whether others see it, who is banned, what was not passed on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.admin.people import Page
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.upkeep.checkup import Finding, Level

RELAY: Final = "internal.hearth.relay"
PAGE: Final = 50
# Looking waits until a write comes back, which takes a minute where it does not.
WELL: Final = "well"


class Refused(ValueError):
    """The relay will not; the text says why."""


@dataclass(frozen=True)
class Upstream:
    """A relay elsewhere, and what it knows of us. `troubled`: (DID, how it stands there)."""

    relay: str
    checked_at: str
    level: Level
    accounts: int
    troubled: Sequence[tuple[str, str]]
    echo_ms: int | None
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Verdict:
    """What became of a frame that was judged again."""

    verdict: str
    reason: str


class Network:
    """Ask the relay, and decide."""

    def __init__(self, relay: RoleClient) -> None:
        self._relay = relay

    async def upstreams(self) -> list[Upstream]:
        """Tell what was seen last."""
        found: Any = await self._relay.query(f"{RELAY}.listUpstreams")
        return [_upstream(one) for one in found["upstreams"]]

    async def look(self) -> None:
        """Have it looked at now."""
        await self._relay.call(f"{RELAY}.checkUpstreams")

    async def bans(self, cursor: str | None) -> Page:
        found: Any = await self._relay.query(f"{RELAY}.listBans", limit=PAGE, cursor=cursor)
        return Page(found["bans"], found.get("cursor"))

    async def ban(self, name: str, reason: str) -> None:
        """Carry a domain, with all below it, or an account no more. Raises Refused."""
        await self._do("ban", name=name, reason=reason)

    async def unban(self, name: str) -> None:
        """Raises Refused."""
        await self._do("unban", name=name)

    async def quarantine(self, cursor: str | None) -> Page:
        """What was not passed on, the newest first."""
        found: Any = await self._relay.query(f"{RELAY}.listQuarantine", limit=PAGE, cursor=cursor)
        return Page(found["frames"], found.get("cursor"))

    async def judge_again(self, number: int) -> Verdict:
        """Raises Refused."""
        told = await self._do("releaseQuarantined", number=number)
        return Verdict(told["verdict"], told["reason"])

    async def discard(self, number: int) -> None:
        """Raises Refused."""
        await self._do("discardQuarantined", number=number)

    async def _do(self, method: str, **fields: Any) -> Any:
        try:
            return await self._relay.call(f"{RELAY}.{method}", **fields)
        except UpstreamFailure:
            raise
        except XrpcError as refused:
            raise Refused(refused.message or refused.name) from refused


def _upstream(told: dict[str, Any]) -> Upstream:
    findings = [Finding(**one) for one in told["findings"]]
    levels = [one.level for one in findings]
    accounts = told.get("accounts", ())
    return Upstream(
        relay=told["relay"],
        checked_at=told["checkedAt"],
        level="bad" if "bad" in levels else "warn" if "warn" in levels else "good",
        accounts=len(accounts),
        troubled=[(one["did"], one["state"]) for one in accounts if one["state"] != WELL],
        echo_ms=told.get("echoMs"),
        findings=[one for one in findings if one.level != "good"],
    )
