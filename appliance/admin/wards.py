"""Members who are looked after: methods of the PDS's operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.admin.clients import RoleClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError

PDS: Final = "internal.hearth.pds"


class Refused(ValueError):
    """What was asked for cannot be; the text says why."""


@dataclass(frozen=True)
class Ward:
    """How a member is looked after; `guardian` is a handle, empty where the owner does."""

    did: str = ""
    handle: str = ""
    guardian: str = ""
    guardian_did: str = ""
    birth_date: str = ""
    adult_content: bool = False
    labelers: Sequence[str] = ()
    muted_words: Sequence[str] = ()
    since: str = ""
    grown_up: bool = False


class Wards:
    """See who is looked after, and change it."""

    def __init__(self, pds: RoleClient) -> None:
        self._pds = pds

    async def all(self) -> list[Ward]:
        found: Any = await self._pds.query(f"{PDS}.listWards")
        return [_ward(one) for one in found["wards"]]

    async def get(self, did: str) -> Ward | None:
        """Tell how a member is looked after; None for who looks after themselves."""
        found: Any = await self._pds.query(f"{PDS}.getWard", did=did)
        return _ward(found["ward"]) if "ward" in found else None

    async def put(self, ward: Ward) -> None:
        """Fix what `ward` says. Raises Refused."""
        try:
            await self._pds.call(
                f"{PDS}.putWard",
                did=ward.did,
                guardian=ward.guardian_did or None,
                birthDate=ward.birth_date,
                adultContent=ward.adult_content,
                labelers=list(ward.labelers),
                mutedWords=list(ward.muted_words),
            )
        except UpstreamFailure:
            raise
        except XrpcError as refused:
            raise Refused(refused.message) from refused

    async def hand_over(self, did: str) -> None:
        await self._pds.call(f"{PDS}.releaseWard", did=did)


def _ward(told: dict[str, Any]) -> Ward:
    return Ward(
        did=told["did"],
        handle=told.get("handle", told["did"]),
        guardian=told.get("guardianHandle", ""),
        guardian_did=told.get("guardian", ""),
        birth_date=told.get("birthDate", ""),
        adult_content=told["adultContent"],
        labelers=told["labelers"],
        muted_words=told["mutedWords"],
        since=told["since"],
        grown_up=told["grownUp"],
    )
