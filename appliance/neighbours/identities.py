"""The identities of neighbours' members: their whole logs, verified, kept for when nobody answers.

A did:plc is the hash of its first operation, and each later one is signed by a key that the log
names: so a log can be believed whoever brings it, but for how new it is. A house is believed for
those alone whose newest operation says that they live there.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from appliance.atproto.identity.errors import DidNotFound, InvalidOperation
from appliance.atproto.identity.plc import document_for
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.plc_log import LogEntry, validate_log
from appliance.atproto.syntax import Did, Handle, InvalidSyntax, JsonObject
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.addresses import OutboundFailed
from appliance.base.clock import Clock
from appliance.neighbours.store import Member, Neighbour, NeighbourStore

MOST_LOG_BYTES: Final = 500_000
# Asked anew after so long, since whoever asks us remembers the answer too.
FRESH_US: Final = 5_000_000
STATUS: Final = "internal.hearth.upkeep.getStatus"

Ask: TypeAlias = Callable[[Neighbour, str, Sequence[tuple[str, str]], int], Awaitable[Any]]


class NotAMember(DidNotFound):
    """No house that is paired knows the identity."""


class Identities:
    """Asks the houses, and remembers.

    ask: the way to a house: path, parameters, most bytes. is_here: whether it answers, by its key.
    """

    def __init__(
        self, store: NeighbourStore, ask: Ask, is_here: Callable[[str], bool], clock: Clock
    ) -> None:
        self._store = store
        self._ask = ask
        self._is_here = is_here
        self._clock = clock

    async def document(self, did: str) -> JsonObject:
        """Return a DID document, as its house has it now or had it last. Raises NotAMember."""
        member = self._store.member(did) or await self._looked_for(did)
        if member is None:
            raise NotAMember(f"{did} lives in no house that is paired")
        house = self._store.find(member.key)
        if house is not None and self._clock.now_us() - member.checked_us > FRESH_US:
            member = await self._refreshed(house, did) or member
        return _document(member)

    async def _looked_for(self, did: str) -> Member | None:
        """Ask the houses that are there for somebody new."""
        for house in self._store.all():
            if self._is_here(house.key):
                member = await self._refreshed(house, did)
                if member is not None:
                    return member
        return None

    async def log(self, did: str) -> Sequence[JsonObject]:
        """Return the audit log. Raises NotAMember."""
        member = self._store.member(did)
        if member is None:
            raise NotAMember(f"{did} lives in no house that is paired")
        return member.log

    async def did_for(self, handle: str) -> str:
        """Return whose a handle is. Raises NotAMember."""
        houses = [
            one
            for one in self._store.all()
            if handle.endswith(one.card.domains) and self._is_here(one.key)
        ]
        for house in houses:
            try:
                params = [("handle", handle)]
                answer = await self._ask(
                    house, "/xrpc/com.atproto.identity.resolveHandle", params, 4096
                )
                did = Did(str(answer.get("did")) if isinstance(answer, dict) else "")
            except (OutboundFailed, InvalidSyntax):
                continue
            member = await self._refreshed(house, did)
            if member is not None and member.handle == handle:
                return member.did
        member = self._store.member_called(handle)
        if member is None:
            raise NotAMember(f"nobody in a paired house goes by {handle}")
        return member.did

    async def learn(self, house: Neighbour, did: str) -> bool:
        """Learn of a member who is not known yet; tell whether there is anything new."""
        return self._store.member(did) is None and await self._refreshed(house, did) is not None

    async def _refreshed(self, house: Neighbour, did: str) -> Member | None:
        """Fetch a log and keep it, if it holds and is no older than ours."""
        before = self._store.member(did)
        try:
            log = await self._ask(house, f"/identities/{did}", (), MOST_LOG_BYTES)
            member = _verified(house, did, log, self._clock.now_us())
        except (OutboundFailed, InvalidOperation, InvalidSyntax):
            return None
        if before is None and not _lives_at(house, member):
            return None
        if before is not None and not (
            before.key == house.key and _continues(before.log, member.log)
        ):
            return None
        return member if await self._store.keep_member(member) else None


class OwnMembers:
    """What we tell neighbours of our own members."""

    def __init__(self, pds: XrpcClient, directory: PlcClient, operator: Mapping[str, str]) -> None:
        self._pds = pds
        self._directory = directory
        self._operator = operator

    async def log(self, did: str) -> list[JsonObject]:
        """Give the log of somebody who lives here. Raises IdentityNotFound, IdentityUnreachable."""
        try:
            await self._pds.query("com.atproto.sync.getRepoStatus", {"did": did})
        except XrpcError as error:
            raise DidNotFound("no member of ours") from error
        return await self._directory.audit_log(Did(did))

    async def seq(self) -> int:
        """Tell the number of the newest event of our PDS; 0 while it is not known."""
        try:
            status: Any = await self._pds.query(STATUS, headers=self._operator)
        except XrpcError:
            return 0
        return int(status["counts"]["seq"])


def _verified(house: Neighbour, did: str, log: Any, now_us: int) -> Member:
    """Check a log that a house gave. Raises InvalidOperation, InvalidSyntax."""
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise InvalidOperation("not a log")
    valid: list[LogEntry] = validate_log(Did(did), log)
    document = document_for(did, valid[-1].operation)
    if document is None:
        raise InvalidOperation("the identity has ended")
    return Member(did, house.key, _handle(house, document), log, now_us)


def _lives_at(house: Neighbour, member: Member) -> bool:
    services = _document(member)["service"]
    places = [one["serviceEndpoint"] for one in services if one["id"] == "#atproto_pds"]
    return [place.rstrip("/") for place in places] == [house.card.pds]


def _handle(house: Neighbour, document: JsonObject) -> str | None:
    """Give the name the identity claims, if it is one that the house may give."""
    claimed = [text[5:] for text in document["alsoKnownAs"] if text.startswith("at://")][:1]
    for text in claimed:
        handle = Handle(text)
        if house.card.domains and handle.endswith(house.card.domains):
            return str(handle)
    return None


def _continues(before: Sequence[JsonObject], after: Sequence[JsonObject]) -> bool:
    """Tell whether a log begins with all that was there before: nothing is ever taken out."""
    known = [entry["cid"] for entry in before]
    return [entry["cid"] for entry in after][: len(known)] == known


def _document(member: Member) -> JsonObject:
    valid = [entry for entry in member.log if not entry["nullified"]]
    document = document_for(member.did, valid[-1]["operation"])
    if document is None:
        raise NotAMember(f"{member.did} has ended")
    return document
