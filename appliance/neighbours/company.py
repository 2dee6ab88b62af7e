"""What goes on between paired houses by itself: see who is there, follow, learn whom they have."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.addresses import OutboundFailed
from appliance.base.clock import Clock
from appliance.neighbours.cards import InvalidCard, read_card
from appliance.neighbours.gates import Gates
from appliance.neighbours.identities import Identities, Presence
from appliance.neighbours.line import MOST_BYTES, Line, Lines, Refused
from appliance.neighbours.public_names import PublicNames
from appliance.neighbours.sightings import Sightings
from appliance.neighbours.store import MOST_MEMBERS, Neighbour, NeighbourStore
from appliance.upkeep.checkup import Finding

LOOK_SECONDS: Final = 10.0
# A house that is away may come back at any moment, with much to tell.
AWAY_LOOK_SECONDS: Final = 3.0
FIRST_LOOK_SECONDS: Final = 1.0
# A pair is new for so long.
SETTLED_US: Final = 60_000_000
# A house that did not answer is left in peace for so long, by those who would wait for it.
REST_US: Final = 2_000_000
# A house that was not seen for so long is not waited for.
AWAY_US: Final = 24 * 3_600_000_000
PAGE: Final = 500
LEARN_SECONDS: Final = 10.0
RELAY: Final = "internal.hearth.relay"
APPVIEW: Final = "internal.hearth.appview"
AUTH_REQUIRED: Final = 401
# With so many events to come, the newest are fetched ahead of them.
FAR_BEHIND: Final = 300


@dataclass
class Contact:
    """How it stands with a paired house. `head`: the newest event there; `at`: how far we are."""

    here: bool = False
    knows_us: bool = True
    head: int = 0
    at: int = 0
    first_behind: int = 0
    is_followed: bool = False
    failed_us: int = 0
    has_head_start: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the two know each other and one follows the other."""
        return self.here and self.knows_us and self.is_followed

    @property
    def behind(self) -> int:
        """How many events there are to come; none as long as nobody says how far we are."""
        return max(0, self.head - self.at) if self.is_followed else 0

    @property
    def progress(self) -> int:
        """How much of what was missed has come, in percent."""
        if not self.behind or not self.first_behind:
            return 100
        return max(0, min(99, 100 - 100 * self.behind // self.first_behind))


@dataclass(frozen=True)
class Tools:
    """What company is kept with."""

    store: NeighbourStore
    lines: Lines
    gates: Gates
    sightings: Sightings
    names: PublicNames
    clock: Clock


class Company:
    """Looks after every paired house, each in its turn."""

    def __init__(
        self, tools: Tools, relay: XrpcClient, appview: XrpcClient, operator: Mapping[str, str]
    ) -> None:
        self._tools = tools
        self._relay = relay
        self._appview = appview
        self._operator = operator
        self._contacts: dict[str, Contact] = {}
        self._news = asyncio.Event()
        self.identities = Identities(tools.store, self.ask, self.presence, tools.clock)

    def contact(self, key: str) -> Contact:
        """Tell how it stands with a house."""
        return self._contacts.get(key, Contact())

    def presence(self, house: Neighbour) -> Presence:
        """Tell whether a house can be asked, or might be in a moment."""
        contact, now_us = self.contact(house.key), self._tools.clock.now_us()
        is_new = now_us - house.paired_us < SETTLED_US
        if not contact.knows_us and not is_new:
            return "gone"
        if now_us - contact.failed_us > REST_US:
            return "here" if contact.here or is_new or now_us - _seen(house) < AWAY_US else "gone"
        return "away" if is_new or now_us - _seen(house) < AWAY_US else "gone"

    def findings(self) -> list[Finding]:
        """Tell of houses that are paired from here alone."""
        settled_us = self._tools.clock.now_us() - SETTLED_US
        return [
            Finding(
                f"Neighbour {house.card.name}",
                "warn",
                "it does not know this network any more: it was unpaired there, or set up anew",
                "a pair of which both sides know",
                "unpair it here, too (panel: More, Neighbours), and pair anew if both of you wish",
                "neighbour-gone",
            )
            for house in self._tools.store.all()
            if not self.contact(house.key).knows_us and house.paired_us < settled_us
        ]

    async def take_in(self, key: str) -> None:
        """Begin with a house that was just paired."""
        await self._tools.gates.open(key)
        self._contacts[key] = Contact(here=True)
        self._news.set()

    async def leave(self, key: str) -> None:
        """Follow a house no longer that was unpaired."""
        self._contacts.pop(key, None)
        await self._tools.gates.close(key)
        self._news.set()

    async def run(self) -> None:
        """See to every house, for ever; a worker."""
        for house in self._tools.store.all():
            if not house.card.is_public:
                await self._tools.gates.open(house.key)
        while True:
            self._news.clear()
            houses = self._tools.store.all()
            with suppress(XrpcError):
                await self._tell_relay(houses)
            await asyncio.gather(*(self._see(house) for house in houses))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause(houses)):
                    await self._news.wait()

    def _pause(self, houses: Sequence[Neighbour]) -> float:
        """Look sooner while a pair is new (one side is told of it before the other), or away."""
        since_us = self._tools.clock.now_us() - SETTLED_US
        is_unsettled = any(
            one.paired_us > since_us and not self.contact(one.key).is_settled for one in houses
        )
        if is_unsettled:
            return FIRST_LOOK_SECONDS
        is_away = any(not self.contact(one.key).here for one in houses)
        return AWAY_LOOK_SECONDS if is_away else LOOK_SECONDS

    async def ask(
        self, house: Neighbour, path: str, params: Sequence[tuple[str, str]], most: int
    ) -> Any:
        """Ask a paired house. Raises OutboundFailed."""
        contact = self._contacts.setdefault(house.key, Contact())
        line = await self._line(house)
        try:
            answer = await line.ask(path, house.certificate, params=params, max_bytes=most)
        except Refused:
            raise
        except OutboundFailed:
            contact.failed_us = self._tools.clock.now_us()
            raise
        contact.failed_us = 0
        return answer

    async def _line(self, house: Neighbour) -> Line:
        return await self._tools.lines.to(house.key, house.address, house.port)

    async def _tell_relay(self, houses: Sequence[Neighbour]) -> None:
        """Have the relay follow these houses, and no others for our sake. Raises XrpcError."""
        urls = [house.card.pds for house in houses]
        answer: Any = await self._relay.procedure(
            f"{RELAY}.setNeighbours", {"urls": urls}, self._operator
        )
        followed = {one["url"]: one["seq"] for one in answer["followed"]}
        for house in houses:
            contact = self._contacts.setdefault(house.key, Contact())
            contact.is_followed = house.card.pds in followed
            contact.at = followed.get(house.card.pds, 0)

    async def _see(self, house: Neighbour) -> None:
        """Look whether a house is there, under the address it has now."""
        contact = self._contacts.setdefault(house.key, Contact())
        sighting = self._tools.sightings.find(house.key)
        places = [(house.address, house.port)]
        if sighting is not None:
            places += [place for place in sighting.places if place not in places]
        for address, port in places:
            try:
                told = await self.ask(house.at(address, port), "/state", (), MOST_BYTES)
                now = replace(house.at(address, port), card=read_card(told.get("card")))
                contact.head = max(0, int(told.get("seq", 0)))
            except Refused as refusal:
                contact.knows_us = refusal.status != AUTH_REQUIRED
                continue
            except (OutboundFailed, InvalidCard, AttributeError, TypeError, ValueError):
                continue
            contact.here = contact.knows_us = True
            await self._met(house, now, contact)
            return
        contact.here = False
        if house.card.is_public:
            # It may be on another network by now: then the way is the one of everybody.
            await self._tools.gates.close(house.key)

    async def _met(self, before: Neighbour, now: Neighbour, contact: Contact) -> None:
        await self._tools.store.met(now, self._tools.clock.now_us())
        if now.card.pds != before.card.pds:
            self._news.set()
        await self._tools.names.prove(self._tools.store.find(now.key))
        await self._tools.gates.open(now.key)
        contact.first_behind = max(contact.first_behind, contact.behind) if contact.behind else 0
        with suppress(XrpcError):
            await self._give_head_start(now, contact)
        with suppress(OutboundFailed, TimeoutError):
            # The other houses wait: who has many members, or is slow, goes on at the next look.
            async with asyncio.timeout(LEARN_SECONDS):
                await self._learn(now)

    async def _give_head_start(self, house: Neighbour, contact: Contact) -> None:
        """Have the newest fetched before the rest, once each time much is missed.

        Raises XrpcError.
        """
        if not contact.behind:
            contact.has_head_start = False
        if contact.behind < FAR_BEHIND or contact.has_head_start or not contact.is_followed:
            return
        given = {"pds": house.card.pds}
        await self._appview.procedure(f"{APPVIEW}.fetchNewest", given, self._operator)
        contact.has_head_start = True

    async def _learn(self, house: Neighbour) -> None:
        """Learn the identities of members there that are new. Raises OutboundFailed."""
        cursor = ""
        for _ in range(MOST_MEMBERS // PAGE):
            params = [("limit", str(PAGE)), *([("cursor", cursor)] if cursor else [])]
            page = await self.ask(house, "/xrpc/com.atproto.sync.listRepos", params, 500_000)
            repos = page.get("repos") if isinstance(page, dict) else None
            for repo in repos[:PAGE] if isinstance(repos, list) else ():
                did = repo.get("did") if isinstance(repo, dict) else None
                if isinstance(did, str) and did.startswith("did:plc:"):
                    await self.identities.learn(house, did)
            cursor = str(page.get("cursor") or "") if isinstance(page, dict) else ""
            if not cursor:
                return


def _seen(house: Neighbour) -> int:
    return max(house.paired_us, house.seen_us or 0)
