"""Take frames from a host: read, look up whose they are, judge and store them, in order.

A batch is one transaction, with the host's cursor in it: after a crash nothing is lost or doubled.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import INVALID_HANDLE, IdentityResolver
from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.firehose.events import (
    IdentityEvent,
    InfoEvent,
    InvalidEvent,
    UnknownEvent,
    UpstreamError,
    parse,
)
from appliance.relay.accounts import AccountStore
from appliance.relay.hosts import Host, save_cursor
from appliance.relay.judgement import AskAgain, Incoming, Judge, Standing, Verdict

log = logging.getLogger(__name__)

# How long an event may wait for its account's identity before the stream goes on without it.
HOLD_SECONDS = 60.0
FIRST_HOLD_PAUSE = 0.5
# How often the same question about the same account is put again, in seconds.
ASKED_AGAIN = {"document": 60.0, "status": 600.0, "hold": 600.0}
MAX_QUESTIONS = 10_000
# One line a minute tells as much as a thousand.
QUIET_SECONDS = 60.0

Question = tuple[Did, Literal["document", "status"]]


@dataclass(frozen=True, slots=True)
class Progress:
    """What one transaction did: events handled, verdicts, and the question that stopped it."""

    handled: int
    seq: int
    verdicts: list[tuple[Verdict, str]]
    question: Question | None


class Ingest:
    """Turns the frames of any host into the relay's own log."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        resolver: IdentityResolver,
        http: HttpClient,
        clock: Clock,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._resolver = resolver
        self._http = http
        self._clock = clock
        self._asked: dict[tuple[Did, str], float] = {}
        self._warned: dict[tuple[int, str], float] = {}
        self.counts: Counter[str] = Counter()

    async def take(self, host: Host, address: str, frames: Sequence[bytes]) -> int | None:
        """Handle frames of one host in order; give its new cursor, None if nothing was numbered.

        `address` is where the host is asked about an account's status.
        """
        cursor = host.cursor
        batch = self._read(host, frames)
        settled: set[Question] = set()
        while batch:
            standings = await self._standings(host, batch)
            batch = [await self._with_verified_handle(host, each, standings) for each in batch]
            progress = await self._db.write(
                judge_batch,
                replace(host, cursor=cursor),
                batch,
                standings,
                frozenset(settled),
                self._clock.now_us(),
            )
            cursor = progress.seq
            self._count(host, batch, progress)
            batch = batch[progress.handled :]
            if progress.question is not None:
                settled.add(progress.question)
                await self._ask_again(progress.question, address)
        return cursor

    def _read(self, host: Host, frames: Sequence[bytes]) -> list[Incoming]:
        read: list[Incoming] = []
        for frame in frames:
            try:
                event = parse(frame)
            except UnknownEvent as error:
                self.counts["unknown_message"] += 1
                log.debug("message ignored host=%s reason=%s", host.hostname, error)
            except UpstreamError as error:
                self._warn(host, "upstream_error", str(error))
            except InvalidEvent as error:
                self.counts["malformed"] += 1
                self._warn(host, "malformed", str(error))
            else:
                if isinstance(event, InfoEvent):
                    self.counts["info"] += 1
                    self._warn(host, "info", event.name)
                else:
                    read.append(Incoming(event, frame))
        return read

    async def _standings(self, host: Host, batch: Sequence[Incoming]) -> dict[Did, Standing | None]:
        """Look up every account of a batch; what is known costs nothing."""
        standings: dict[Did, Standing | None] = {}
        for each in batch:
            did = each.event.did
            if did not in standings:
                standings[did] = await self._standing(did)
            if isinstance(each.event, IdentityEvent):
                known = standings[did]
                # Others than its host may also say so, but not make us ask all day.
                own = known is not None and known.pds == host.url
                if own or self._may_ask((did, "document")):
                    self._resolver.purge(did)
                    standings[did] = await self._standing(did)
        return standings

    async def _standing(self, did: Did) -> Standing | None:
        """Give what the DID document says; while nobody answers, hold the stream for a minute."""
        pause = FIRST_HOLD_PAUSE
        until = time.monotonic() + HOLD_SECONDS
        while True:
            try:
                document = await self._resolver.document(did)
                return Standing(document.signing_key, document.pds)
            except IdentityNotFound:
                return None
            except IdentityUnreachable as error:
                if pause == FIRST_HOLD_PAUSE and not self._may_ask((did, "hold")):
                    return None
                if time.monotonic() + pause > until:
                    log.warning("account held in vain did=%s reason=%s", did, error)
                    return None
            await asyncio.sleep(pause)
            self._resolver.purge(did)
            pause *= 2

    async def _with_verified_handle(
        self, host: Host, incoming: Incoming, standings: Mapping[Did, Standing | None]
    ) -> Incoming:
        """Let a #identity name no handle but the one that is verified both ways."""
        event = incoming.event
        if not isinstance(event, IdentityEvent) or event.handle is None:
            return incoming
        standing = standings.get(event.did)
        if standing is None or standing.pds != host.url:
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
        return Incoming(told, told.frame())

    async def _ask_again(self, question: Question, address: str) -> None:
        """Refresh what we know of an account, unless that was done a moment ago."""
        did, what = question
        if not self._may_ask(question):
            return
        if what == "document":
            self._resolver.purge(did)
            return
        try:
            answer = await XrpcClient(self._http, address).query(
                "com.atproto.sync.getRepoStatus", {"did": did}
            )
        except XrpcError as error:
            log.info("status unknown did=%s reason=%s", did, error)
            return
        await self._note_status(did, answer)

    def _may_ask(self, question: tuple[Did, str]) -> bool:
        """Tell whether a question was not put lately; note that it is put now."""
        now = self._clock.now()
        if now - self._asked.get(question, 0.0) < ASKED_AGAIN[question[1]]:
            return False
        if len(self._asked) >= MAX_QUESTIONS:
            self._asked.clear()
        self._asked[question] = now
        return True

    async def _note_status(self, did: Did, answer: Json) -> None:
        if not isinstance(answer, dict) or not isinstance(answer.get("active"), bool):
            return
        status = answer.get("status")
        told = status if isinstance(status, str) and not answer["active"] else None
        await self._accounts.set_upstream(did, answer["active"], told)

    def _count(self, host: Host, batch: Sequence[Incoming], progress: Progress) -> None:
        for incoming, (verdict, reason) in zip(batch, progress.verdicts, strict=False):
            self.counts[verdict] += 1
            if verdict not in ("published", "old_seq"):
                event = incoming.event
                self._warn(host, verdict, f"{reason} did={event.did} seq={event.seq}")

    def _warn(self, host: Host, what: str, reason: str) -> None:
        """Log a dropped event, but no more than one of a kind and host a minute."""
        now = self._clock.now()
        if now - self._warned.get((host.id, what), 0.0) >= QUIET_SECONDS:
            self._warned[host.id, what] = now
            log.warning("event %s host=%s reason=%r", what, host.hostname, reason[:300])


def judge_batch(
    conn: Connection,
    host: Host,
    batch: Sequence[Incoming],
    standings: Mapping[Did, Standing | None],
    settled: frozenset[Question],
    now_us: int,
) -> Progress:
    """Judge events in order inside one transaction, until the end or the first open question."""
    judge = Judge(conn, host, standings, settled, now_us)
    seq = host.cursor or 0
    verdicts: list[tuple[Verdict, str]] = []
    question: Question | None = None
    for incoming in batch:
        if incoming.event.seq <= seq:
            verdicts.append(("old_seq", ""))
            continue
        try:
            verdicts.append(judge.judge(incoming))
        except AskAgain as asked:
            question = (asked.did, asked.what)
            break
        seq = incoming.event.seq
    save_cursor(conn, host.id, seq, now_us)
    return Progress(len(verdicts), seq, verdicts, question)
