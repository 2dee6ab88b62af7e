"""A network from home gets a public name: how far its identities are, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from appliance.admin.clients import STATUS, RoleClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.upkeep.checkup import Finding


@dataclass(frozen=True)
class Progress:
    """How many identities name the address that the network has now."""

    hostname: str
    told: int
    of: int
    settled: bool
    findings: Sequence[Finding]

    @property
    def percent(self) -> int:
        return 100 * self.told // self.of if self.of else 100


class Publishing:
    """Asks the PDS, which goes through its accounts by itself."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds

    async def progress(self) -> Progress | None:
        """Tell how far it is; None where the PDS does not answer."""
        try:
            status: Any = await self._pds.query(STATUS)
        except XrpcError:
            return None
        told = status["counts"]["identities"]
        findings = [Finding(**one) for one in status["findings"] if one["level"] != "good"]
        return Progress(told["hostname"], told["told"], told["of"], told["settled"], findings)
