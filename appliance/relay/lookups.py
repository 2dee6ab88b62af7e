"""Who the accounts of a batch are: their keys and hosts by their DID documents.

What is known costs nothing. While the source of a document does not answer, the stream is held:
a minute where it is the directory, that everybody needs; seconds where it is one account's own.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import INVALID_HANDLE, IdentityResolver
from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.firehose.events import IdentityEvent
from appliance.relay.hosts import Host
from appliance.relay.judgement import Incoming, Known, Standing

log = logging.getLogger(__name__)

HOLD_SECONDS = 60.0
HOLD_ONE_SECONDS = 5.0
FIRST_HOLD_PAUSE = 0.5
# How often the same question about the same account is put again, in seconds.
ASKED_AGAIN = {"document": 60.0, "status": 600.0, "hold": 600.0}
MAX_QUESTIONS = 10_000

Question = tuple[Did, Literal["document", "status"]]
AskStatus = Callable[[Did, Host], Awaitable[None]]


class Lookups:
    """Looks accounts up, and keeps hosts from making us ask all day."""

    def __init__(self, resolver: IdentityResolver, ask_status: AskStatus, clock: Clock) -> None:
        self._resolver = resolver
        self._ask_status = ask_status
        self._clock = clock
        self._asked: dict[tuple[Did, str], float] = {}

    async def known(self, host: Host, batch: Sequence[Incoming]) -> Known:
        """Look up every account of a batch; one that speaks of its identity anew."""
        standings: dict[Did, Standing | None] = {}
        changed: set[Did] = set()
        just_asked: set[Did] = set()
        for each in batch:
            did = each.event.did
            if did not in standings:
                if not self._resolver.remembers(did):
                    just_asked.add(did)
                standings[did] = await self._standing(did)
            if isinstance(each.event, IdentityEvent) and did not in just_asked:
                before = standings[did]
                # Others than its host may also say so, but not make us ask all day.
                own = before is not None and before.pds == host.url
                if own or self.may_ask((did, "document")):
                    self._resolver.purge(did)
                    standings[did] = await self._standing(did)
                    if standings[did] != before:
                        changed.add(did)
        return Known(standings, frozenset(), frozenset(changed))

    async def settled(self, known: Known, question: Question) -> Known:
        """Take over what is known of one account, after it was asked about again."""
        did, what = question
        standings = dict(known.standings)
        if what == "document":
            standings[did] = await self._standing(did)
        return Known(standings, known.settled | {question}, known.changed)

    async def with_verified_handle(self, host: Host, incoming: Incoming, known: Known) -> Incoming:
        """Let a #identity name no handle but the one that is verified both ways."""
        event = incoming.event
        if not isinstance(event, IdentityEvent) or event.handle is None:
            return incoming
        standing = known.standings.get(event.did)
        if standing is None or (standing.pds != host.url and event.did not in known.changed):
            return incoming
        try:
            identity = await self._resolver.resolve(event.did)
        except (IdentityNotFound, IdentityUnreachable):
            verified = INVALID_HANDLE
        else:
            verified = identity.handle
        if verified == event.handle:
            return incoming
        told = replace(event, handle=None if verified == INVALID_HANDLE else verified)
        return replace(incoming, event=told, frame=told.frame())

    def may_ask(self, question: tuple[Did, str]) -> bool:
        """Tell whether a question was not put lately; note that it is put now."""
        now = self._clock.now()
        if now - self._asked.get(question, 0.0) < ASKED_AGAIN[question[1]]:
            return False
        if len(self._asked) >= MAX_QUESTIONS:
            self._asked.clear()
        self._asked[question] = now
        return True

    async def ask_again(self, host: Host, question: Question) -> bool:
        """Refresh what is known of an account; False if that was done a moment ago."""
        did, what = question
        if not self.may_ask(question):
            return False
        if what == "document":
            self.refresh(did)
        else:
            await self._ask_status(did, host)
        return True

    def refresh(self, did: Did) -> None:
        """Have a document asked for anew when it is next wanted."""
        self._resolver.purge(did)

    async def _standing(self, did: Did) -> Standing | None:
        """Give what the DID document says; hold the stream for a while if nobody answers."""
        pause = FIRST_HOLD_PAUSE
        until = time.monotonic() + (HOLD_SECONDS if did.method == "plc" else HOLD_ONE_SECONDS)
        while True:
            try:
                document = await self._resolver.document(did)
                return Standing(document.signing_key, document.pds)
            except IdentityNotFound:
                return None
            except IdentityUnreachable as error:
                if pause == FIRST_HOLD_PAUSE and not self.may_ask((did, "hold")):
                    return None
                if time.monotonic() + pause > until:
                    log.warning("account held in vain did=%s reason=%s", did, error)
                    return None
            await asyncio.sleep(pause)
            self._resolver.purge(did)
            pause *= 2
