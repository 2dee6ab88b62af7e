"""The identities of neighbours' members: their whole logs, verified, kept for when nobody answers.

A did:plc is the hash of its first operation, and each later one is signed by a key that the log
names: so a log can be believed whoever brings it, but for how new it is. A house is believed for
those alone whose newest operation says that they live there.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

from appliance.atproto.identity.errors import (
    DidNotFound,
    IdentityUnreachable,
    InvalidOperation,
)
from appliance.atproto.identity.plc import document_for
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.plc_log import LogEntry, validate_log
from appliance.atproto.syntax import Did, Handle, InvalidSyntax, JsonObject
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.addresses import OutboundFailed
from appliance.base.clock import Clock
from appliance.neighbours.line import Refused
from appliance.neighbours.store import Member, Neighbour, NeighbourStore

MOST_LOG_BYTES: Final = 500_000
# Asked anew after so long, since whoever asks us remembers the answer too.
FRESH_US: Final = 5_000_000
MOST_ANSWER_BYTES: Final = 4096
NOT_FOUND: Final = 404
INTERNAL_ERROR: Final = 500
RESOLVE: Final = "/xrpc/com.atproto.identity.resolveHandle"
STATUS: Final = "internal.hearth.upkeep.getStatus"

# A house that has been away for long, or does not know us, is not waited for.
Presence: TypeAlias = Literal["here", "away", "gone"]
Ask: TypeAlias = Callable[[Neighbour, str, Sequence[tuple[str, str]], int], Awaitable[Any]]


class NotAMember(DidNotFound):
    """No house that is paired knows the identity."""


class Identities:
    """Asks the houses, and remembers.

    ask: the way to a house: path, parameters, most bytes. presence: whether it can be asked.
    """

    def __init__(
        self,
        store: NeighbourStore,
        ask: Ask,
        presence: Callable[[Neighbour], Presence],
        clock: Clock,
    ) -> None:
        self._store = store
        self._ask = ask
        self._presence = presence
        self._clock = clock

    async def document(self, did: str) -> JsonObject:
        """Return a DID document, as its house has it now or had it last.

        Raises NotAMember; IdentityUnreachable while a house that may know the DID is away.
        """
        member = self._store.member(did)
        if member is None:
            return _document(await self._looked_for(did))
        house = self._store.find(member.key)
        stale = self._clock.now_us() - member.checked_us > FRESH_US
        if house is not None and stale and self._presence(house) == "here":
            with suppress(OutboundFailed, NotAMember):
                member = await self._fetched(house, did)
        return _document(member)

    async def _looked_for(self, did: str) -> Member:
        """Ask the houses for somebody new. Raises NotAMember, IdentityUnreachable."""
        is_known_by_all = True
        for house in self._store.all():
            presence = "gone" if house.card.is_public else self._presence(house)
            if presence == "here":
                try:
                    return await self._fetched(house, did)
                except NotAMember:
                    continue
                except OutboundFailed:
                    is_known_by_all = False
            elif presence == "away":
                is_known_by_all = False
        if not is_known_by_all:
            raise IdentityUnreachable("a neighbour who may know is away")
        raise NotAMember(f"{did} lives in no house that is paired")

    async def log(self, did: str) -> Sequence[JsonObject]:
        """Return the audit log. Raises NotAMember."""
        member = self._store.member(did)
        if member is None:
            raise NotAMember(f"{did} lives in no house that is paired")
        return member.log

    async def did_for(self, handle: str) -> str:
        """Return whose a handle is.

        Raises NotAMember; IdentityUnreachable while its house is away.
        """
        is_away = False
        for house in self._store.all():
            if not handle.endswith(house.card.domains):
                continue
            presence = self._presence(house)
            is_away = is_away or presence == "away"
            if presence == "here":
                try:
                    member = await self._called(house, handle)
                except OutboundFailed:
                    is_away = True
                    continue
                if member is not None:
                    return member.did
        known = self._store.member_called(handle)
        if known is not None:
            return known.did
        if is_away:
            raise IdentityUnreachable(f"the house of {handle} is away")
        raise NotAMember(f"nobody in a paired house goes by {handle}")

    async def _called(self, house: Neighbour, handle: str) -> Member | None:
        """Ask a house who goes by a handle. Raises OutboundFailed."""
        try:
            answer = await self._ask(house, RESOLVE, [("handle", handle)], MOST_ANSWER_BYTES)
            did = Did(str(answer.get("did")) if isinstance(answer, dict) else "")
            member = await self._fetched(house, did)
        except (NotAMember, InvalidSyntax):
            return None
        except Refused as refusal:
            if refusal.status >= INTERNAL_ERROR:
                raise
            return None
        return member if member.handle == handle else None

    async def learn(self, house: Neighbour, did: str) -> None:
        """Learn of a member who is not known yet. Raises OutboundFailed."""
        if self._store.member(did) is None:
            with suppress(NotAMember):
                await self._fetched(house, did)

    async def _fetched(self, house: Neighbour, did: str) -> Member:
        """Fetch a log and keep it, if it holds and is no older than ours.

        Raises OutboundFailed, NotAMember.
        """
        before = self._store.member(did)
        try:
            log = await self._ask(house, f"/identities/{did}", (), MOST_LOG_BYTES)
            member = _verified(house, did, log, self._clock.now_us())
        except Refused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            raise NotAMember("it is unknown there") from refusal
        except (InvalidOperation, InvalidSyntax) as error:
            raise NotAMember(f"its log does not hold: {error}") from error
        if before is None:
            fits = _lives_at(house, member)
        else:
            fits = before.key == house.key and _continues(before.log, member.log)
        if not fits or not await self._store.keep_member(member):
            raise NotAMember("its log is not for that house to tell")
        return member


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
