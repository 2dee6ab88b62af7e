"""From the press of a button to a pair: what is asked of the other house, and answered to it."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from appliance.base.addresses import OutboundFailed
from appliance.base.clock import Clock
from appliance.base.machine import is_near
from appliance.neighbours.cards import Card, InvalidCard, read_card
from appliance.neighbours.keys import (
    HouseKey,
    InvalidCertificate,
    fingerprint,
    read_certificate,
)
from appliance.neighbours.line import Lines, Refused
from appliance.neighbours.pairing import Caller, Course, PairingRefused, Pairings
from appliance.neighbours.sightings import Place
from appliance.neighbours.store import NameTaken, Neighbour, NeighbourStore, TooManyNeighbours

STEP_SECONDS: Final = 2.0
REFUSED: Final = 409


class NotThere(LookupError):
    """The house that is meant does not answer."""

    xrpc_name: Final = "NeighbourNotThere"


@dataclass(frozen=True)
class House:
    """Ourselves: our key, our card, the port where neighbours ask us."""

    key: HouseKey
    card: Card
    port: int
    clock: Clock


class Introductions:
    """Drives the open courses. `when_paired` and `when_parted` are told of a house's key."""

    def __init__(
        self,
        house: House,
        lines: Lines,
        store: NeighbourStore,
        when_paired: Callable[[str], Awaitable[None]],
        when_parted: Callable[[str], Awaitable[None]],
    ) -> None:
        self.pairings = Pairings(house.key.fingerprint, house.card, house.clock.now)
        self._house = house
        self._lines = lines
        self._store = store
        self._when_paired = when_paired
        self._when_parted = when_parted
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Take the steps that are ours, for ever; a worker."""
        while True:
            self._news.clear()
            for course in self.pairings.all():
                if course.wanted and course.state not in ("failed", "done"):
                    with suppress(OutboundFailed, PairingRefused, InvalidCard):
                        await self._step(course)
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_SECONDS):
                    await self._news.wait()

    # What our owner does.

    async def want(self, key: str, places: Sequence[Place]) -> list[Place]:
        """Ask for a pair with the house of this key, at the first place where it is.

        Gives the places where it is not. Raises NotThere, NameTaken, PairingRefused.
        """
        wrong: list[Place] = []
        for place in places:
            try:
                caller = await self._greeted(key, place)
            except NotThere:
                wrong.append(place)
                continue
            self._refuse_same(caller.card)
            self.pairings.want(caller)
            self._news.set()
            return wrong
        raise NotThere("it does not answer as a Hearth")

    async def _greeted(self, key: str, place: Place) -> Caller:
        """Hear who answers at a place; TLS proves that it is the house of this key.

        Raises NotThere.
        """
        address, port = place
        if not is_near(address):
            raise NotThere("it is not on this network")
        try:
            hello = await (await self._lines.to(key, address, port)).ask("/hello")
            card = read_card(hello.get("card") if isinstance(hello, dict) else None)
            certificate = read_certificate(str(hello.get("certificate")))
        except (OutboundFailed, InvalidCard, InvalidCertificate) as error:
            raise NotThere("it does not answer as a Hearth") from error
        if fingerprint(certificate) != key:
            raise NotThere("another house answers there")
        return Caller(key, certificate, card, address, port)

    async def confirm(self, key: str, code: str) -> None:
        """Say that both screens show this code. Raises PairingRefused."""
        course = self.pairings.confirm(key, code)
        await self._finish(course)
        self._news.set()

    async def refuse(self, key: str) -> None:
        """Stop a course; the other house is told if it answers."""
        course = self.pairings.find(key)
        if course is not None:
            self.pairings.forget(key)
            await self._part(course.certificate, key, course.address, course.port)

    async def unpair(self, key: str) -> None:
        """End a pair; the other house is told if it answers. Raises NoSuchNeighbour."""
        neighbour = self._store.named(key)
        await self._part(neighbour.certificate, key, neighbour.address, neighbour.port)
        await self._forget(key)

    async def _part(self, certificate: bytes, key: str, address: str, port: int) -> None:
        with suppress(OutboundFailed):
            line = await self._lines.to(key, address, port)
            await line.ask("/pairing/part", certificate, {})

    async def _forget(self, key: str) -> None:
        self.pairings.forget(key)
        await self._store.remove(key)
        await self._lines.close(key)
        await self._when_parted(key)

    def _refuse_same(self, card: Card) -> None:
        others = [one.card for one in self._store.all() if one.card.did != card.did]
        for known in (self._house.card, *others):
            if card.pds == known.pds or set(card.domains) & set(known.domains):
                raise NameTaken(
                    "its address, or what handles there end in, is the same as here or at another"
                )

    # What the worker does.

    async def _step(self, course: Course) -> None:
        if not course.code and not self.pairings.begins(course.key):
            await self._ask(course, "knock", {})
        elif not course.code or not course.revealed:
            await self._commit(course)
        elif course.confirmed and not course.other_confirmed:
            answer = await self._ask(course, "confirm", {"proof": self._proof(course, ours=True)})
            proof = answer.get("proof")
            if isinstance(proof, str) and hmac.compare_digest(
                proof.encode(), self._proof(course, ours=False).encode()
            ):
                await self._finish(self.pairings.other_confirmed(course.key))

    async def _commit(self, course: Course) -> None:
        if not course.code:
            commitment = self.pairings.commitment_for(course.key)
            answer = await self._ask(course, "commit", {"commitment": commitment})
            nonce = answer.get("nonce")
            if not isinstance(nonce, str):
                return
            self.pairings.answered(course.key, read_card(answer.get("card")), nonce)
        await self._ask(course, "reveal", {"nonce": course.nonce})
        course.revealed = True
        self._news.set()

    async def _ask(self, course: Course, step: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """Take a step at the other house. Raises OutboundFailed."""
        said = {"card": self._house.card.as_json(), "port": self._house.port, **value}
        line = await self._lines.to(course.key, course.address, course.port)
        try:
            answer = await line.ask(f"/pairing/{step}", course.certificate, said)
        except Refused as refusal:
            if refusal.status == REFUSED:
                self.pairings.fail(course.key, "refused")
            raise
        return answer if isinstance(answer, dict) else {}

    def _proof(self, course: Course, *, ours: bool) -> str:
        own, other = self._house.key.fingerprint, course.key
        who = (own, other) if ours else (other, own)
        numbers = self.pairings.transcript(course)
        return self._house.key.proof(course.certificate, "confirm", *who, *numbers, course.code)

    async def _finish(self, course: Course) -> None:
        """Keep the pair once both owners have seen the code."""
        if course.state != "done" or self._store.find(course.key) is not None:
            return
        now_us = self._house.clock.now_us()
        try:
            await self._store.add(
                Neighbour(
                    *(course.key, course.certificate, course.card, course.address, course.port),
                    paired_us=now_us,
                )
            )
        except (NameTaken, TooManyNeighbours):
            self.pairings.fail(course.key, "taken")
        else:
            await self._when_paired(course.key)

    # What the other house asks.

    def knocked(self, caller: Caller) -> dict[str, Any]:
        self.pairings.knock(caller)
        return {}

    def committed(self, caller: Caller, commitment: str) -> dict[str, Any]:
        self.pairings.knock(caller)
        nonce = self.pairings.committed(caller.key, caller.card, commitment)
        return {} if nonce is None else {"nonce": nonce, "card": self._house.card.as_json()}

    def revealed(self, caller: Caller, nonce: str) -> dict[str, Any]:
        self.pairings.revealed(caller.key, nonce)
        course = self.pairings.find(caller.key)
        if course is not None:
            course.revealed = True
        return {}

    async def confirmed(self, caller: Caller, proof: str) -> dict[str, Any]:
        course = self.pairings.find(caller.key)
        if course is None or not course.code:
            raise PairingRefused("there is no code yet")
        right = self._proof(course, ours=False)
        if not hmac.compare_digest(right.encode(), proof.encode("utf-8", "replace")):
            raise PairingRefused("that is not what the other house would say")
        await self._finish(self.pairings.other_confirmed(caller.key))
        return {"proof": self._proof(course, ours=True)} if course.confirmed else {}

    async def parted(self, key: str) -> dict[str, Any]:
        """The other owner has ended it, or does not want it."""
        if self._store.find(key) is not None:
            await self._forget(key)
        else:
            self.pairings.fail(key, "refused")
        return {}
