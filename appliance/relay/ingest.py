"""Take frames from a host: read, look up whose they are, judge and store them, in order.

A batch is one transaction, with the host's cursor in it: after a crash nothing is lost or doubled.
"""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.atproto.syntax import Datetime, Did, InvalidSyntax
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    IdentityEvent,
    InfoEvent,
    InvalidEvent,
    InvalidSeq,
    RepoEvent,
    UnknownEvent,
    UpstreamError,
    parse,
)
from appliance.firehose.follow import StreamBroken
from appliance.firehose.own_frames import OwnFrames
from appliance.relay import hosts, quarantine, repairs
from appliance.relay.hosts import Host, save_cursor
from appliance.relay.judgement import PASSED, AskAgain, Incoming, Judge, Known, Verdict
from appliance.relay.lookups import Lookups, Question
from appliance.relay.quarantine import Kept
from appliance.relay.rates import Rates
from appliance.upkeep.metrics import Timing

log = logging.getLogger(__name__)

# One line a minute tells as much as a thousand.
QUIET_SECONDS = 60.0
# A host whose numbers leap by more than this has lost them, or plays with them.
SEQ_LEAP = 1_000_000
OUTDATED = "OutdatedCursor"
MAX_PASSED = 20_000
_EXPECTED = frozenset(("old_seq", "host_full"))


@dataclass(frozen=True, slots=True)
class Progress:
    """What one transaction did: events handled, verdicts, and the question that stopped it."""

    handled: int
    seconds: float
    seq: int
    verdicts: list[tuple[Verdict, str]]
    question: Question | None


@dataclass(slots=True)
class Reading:
    """What was read of some frames. `missed`: the host says that it no longer has all we lack."""

    batch: list[Incoming]
    broken: list[tuple[bytes, str]]
    missed: bool = False
    end: str | None = None


class Ingest:
    """Turns the frames of any host into the relay's own log."""

    def __init__(
        self,
        db: Database,
        lookups: Lookups,
        rates: Rates,
        clock: Clock,
        own: OwnFrames,
    ) -> None:
        self._db = db
        self._lookups = lookups
        self._rates = rates
        self._clock = clock
        self._own = own
        self._passed: OrderedDict[tuple[Did, str, str], None] = OrderedDict()
        self._warned: dict[tuple[int, str], float] = {}
        self.counts: Counter[str] = Counter()
        self.received: Counter[tuple[str, str]] = Counter()
        self.judging = Timing()
        self.lag_seconds: dict[str, float] = {}

    async def take(self, host: Host, frames: Sequence[bytes]) -> int | None:
        """Handle frames of one host in order; give its new cursor, None if nothing was numbered.

        Raises StreamBroken, when what came before the break is handled.
        """
        reading = self._read(host, frames)
        self._note_lag(host, reading.batch)
        if reading.broken:
            await self._db.write(_keep_broken, host.id, reading.broken, self._clock.now_us())
        if reading.missed:
            await self._db.write(hosts.set_compare, host.id, True)
        cursor = await self._settle(host, reading.batch)
        if reading.end is not None:
            self.counts["broken_stream"] += 1
            raise StreamBroken(reading.end)
        return cursor

    async def judge_again(self, kept_id: int) -> tuple[Verdict, str]:
        """Judge a frame out of quarantine by what is known now; if it passes, it is passed on.

        Raises QuarantineNotFound, InvalidEvent if it cannot even be read.
        """
        kept, frame = await self._db.write(quarantine.take, kept_id)
        host = await self._db.write(hosts.load, kept.host_id)
        event = parse(frame)
        if isinstance(event, InfoEvent):
            raise InvalidEvent("it is a word about the stream, of no account")
        self._lookups.refresh(event.did)
        known = await self._lookups.known(host, [Incoming(event, frame)])
        known = replace(known, settled=frozenset({(event.did, "document"), (event.did, "status")}))
        incoming = await self._lookups.with_verified_handle(host, Incoming(event, frame), known)
        verdict, reason = await self._db.write(
            _rejudge, host, kept, incoming, known, self._clock.now_us()
        )
        self.counts[f"again_{verdict}"] += 1
        return verdict, reason

    async def _settle(self, host: Host, batch: list[Incoming]) -> int | None:
        cursor = host.cursor
        known = await self._lookups.known(host, batch)
        batch = [await self._lookups.with_verified_handle(host, each, known) for each in batch]
        while batch:
            progress = await self._db.write(
                judge_batch, replace(host, cursor=cursor), batch, known, self._clock.now_us()
            )
            cursor = progress.seq
            self.judging.add(progress.handled, progress.seconds)
            self._count(host, batch, progress)
            batch = batch[progress.handled :]
            if progress.question is not None:
                if not await self._lookups.ask_again(host, progress.question):
                    await self._look_later(host, batch[0].event)
                known = await self._lookups.settled(known, progress.question)
        return cursor

    async def _look_later(self, host: Host, event: RepoEvent) -> None:
        """Have an account looked up in a minute whose new host spoke too soon to be believed."""
        comes = isinstance(event, IdentityEvent) or (
            isinstance(event, AccountEvent) and event.active
        )
        if comes and not host.is_relay:
            due_us = self._clock.now_us() + repairs.MINUTE_US
            reason, most = "another host spoke for it", repairs.MAX_QUEUED_OF_STRANGERS
            await self._db.write(repairs.want, event.did, reason, due_us, most)

    def _read(self, host: Host, frames: Sequence[bytes]) -> Reading:
        reading = Reading([], [])
        seq = host.cursor or 0
        for frame in frames:
            try:
                event = self._own.find(frame) or parse(frame)
            except UnknownEvent as error:  # 2
                self.counts["unknown_message"] += 1
                log.debug("message ignored host=%s reason=%s", host.hostname, error)
            except UpstreamError as error:  # 3
                self._warn(host, "upstream_error", str(error))
            except InvalidSeq as error:  # 5
                reading.end = str(error)
                break
            except InvalidEvent as error:  # 1, 6, 7, 8
                self.counts["malformed"] += 1
                reading.broken.append((frame, str(error)))
                self._warn(host, "malformed", str(error))
            else:
                if isinstance(event, InfoEvent):
                    self.counts["info"] += 1
                    self._warn(host, "info", event.name)
                    reading.missed |= event.name == OUTDATED
                else:
                    self.received[host.hostname, event.kind] += 1
                    seq = self._watch(host, seq, Incoming(event, frame))
                    if host.is_relay and self._came_round(event):
                        self.counts["repeated"] += 1
                        continue
                    fast = not host.trusted and self._rates.too_fast(host.id, event)
                    reading.batch.append(Incoming(event, frame, fast))
        return reading

    def _came_round(self, event: RepoEvent) -> bool:
        """Tell whether a relay repeats what has no rev to tell it by.

        Two relays that follow each other would otherwise pass it to and fro for ever.
        """
        if isinstance(event, CommitEvent):
            return False
        key = (event.did, event.kind, event.time)
        if key in self._passed:
            return True
        self._passed[key] = None
        if len(self._passed) > MAX_PASSED:
            self._passed.popitem(last=False)
        return False

    def _watch(self, host: Host, seq: int, incoming: Incoming) -> int:
        """Note what is odd about an event, and no reason to drop it; give its seq."""
        event = incoming.event
        if seq and event.seq > seq + SEQ_LEAP:  # 4
            self.counts["seq_leap"] += 1
            self._warn(host, "seq_leap", f"from {seq} to {event.seq}")
        if isinstance(event, CommitEvent) and event.legacy:  # 23
            self.counts["legacy_flag"] += 1
        try:
            Datetime(event.time)
        except InvalidSyntax:  # 21
            self.counts["odd_time"] += 1
        return event.seq

    def _note_lag(self, host: Host, batch: Sequence[Incoming]) -> None:
        """Note how long the newest commit of a batch has been on its way."""
        for incoming in reversed(batch):
            if isinstance(incoming.event, CommitEvent):
                behind_us = self._clock.now_us() - incoming.event.rev.to_us()
                self.lag_seconds[host.hostname] = max(behind_us, 0) / 1_000_000
                return

    def _count(self, host: Host, batch: Sequence[Incoming], progress: Progress) -> None:
        for incoming, (verdict, reason) in zip(batch, progress.verdicts, strict=False):
            self.counts[verdict] += 1
            if verdict not in PASSED and verdict not in _EXPECTED:
                event = incoming.event
                self._warn(host, verdict, f"{reason} did={event.did} seq={event.seq}")

    def _warn(self, host: Host, what: str, reason: str) -> None:
        """Log a dropped event, but no more than one of a kind and host a minute."""
        now = self._clock.now()
        if now - self._warned.get((host.id, what), 0.0) >= QUIET_SECONDS:
            self._warned[host.id, what] = now
            log.warning("event %s host=%s reason=%r", what, host.hostname, reason[:300])


def judge_batch(
    conn: Connection, host: Host, batch: Sequence[Incoming], known: Known, now_us: int
) -> Progress:
    """Judge events in order inside one transaction, until the end or the first open question."""
    started = time.perf_counter()
    judge = Judge(conn, host, known, now_us)
    seq = host.cursor or 0
    verdicts: list[tuple[Verdict, str]] = []
    question: Question | None = None
    for incoming in batch:
        if incoming.event.seq <= seq:  # 4
            verdicts.append(("old_seq", ""))
            continue
        try:
            verdicts.append(judge.judge(incoming))
        except AskAgain as asked:
            question = (asked.did, asked.what)
            break
        seq = incoming.event.seq
    save_cursor(conn, host.id, seq, now_us)
    taken = time.perf_counter() - started
    return Progress(len(verdicts), taken, seq, verdicts, question)


def _rejudge(
    conn: Connection, host: Host, kept: Kept, incoming: Incoming, known: Known, now_us: int
) -> tuple[Verdict, str]:
    return Judge(conn, host, known, now_us).rejudge(kept, incoming)


def _keep_broken(
    conn: Connection, host_id: int, broken: Sequence[tuple[bytes, str]], now_us: int
) -> None:
    hosts.note_fault(conn, host_id, now_us)
    for frame, reason in broken[-quarantine.KEPT_PER_ACCOUNT :]:
        quarantine.keep(conn, Kept(0, host_id, "", None, "malformed", reason, 0, now_us), frame)
