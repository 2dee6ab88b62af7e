"""What is measured of the firehose: delivery when it is busy and when it is quiet, and replay."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import orjson

from appliance.atproto.tid import TidClock
from appliance.atproto.xrpc.frames import decode_frame
from bench.cases import Case
from bench.load import Figures, figures
from bench.machine import Meter, settle
from bench.target import POST, Account, Target, post_record

WRITERS = 4
QUIET_SECONDS = 0.15
REPLAYED = 6000
PATIENCE = 10.0
# A commit names its operations before its blocks, so the first match is the new record's key.
_KEY = re.compile(rb"app\.bsky\.feed\.post/([2-7a-z]{13})")


class EventsLost(Exception):
    """Not every write was announced."""


class Desk:
    """Writes posts and notes when; notes when subscribers hear of them."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._url = target.address("com.atproto.repo.createRecord")
        self._tids = TidClock(lambda: time.time_ns() // 1000)
        self._sent: dict[bytes, float] = {}
        self.took: list[float] = []
        self.heard = 0

    async def write(self, account: Account) -> None:
        """Create a post under a key of ours."""
        rkey = self._tids.next()
        record = {"repo": account.did, "collection": POST, "rkey": rkey, "record": post_record()}
        body = orjson.dumps(record)
        self._sent[rkey.encode()] = time.perf_counter()
        await self._target.post(self._url, body, account.headers)

    async def listen(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Note the arrival of events until cancelled."""
        async for message in ws:
            match = _KEY.search(message.data)
            sent = self._sent.get(match[1]) if match else None
            if sent is not None:
                self.heard += 1
                self.took.append(time.perf_counter() - sent)

    async def wait_for(self, count: int) -> None:
        """Wait until so many arrivals are noted. Raises EventsLost."""
        until = time.perf_counter() + PATIENCE
        while self.heard < count:
            if time.perf_counter() > until:
                raise EventsLost(f"{self.heard} of {count} events arrived")
            await asyncio.sleep(0.02)

    @property
    def written(self) -> int:
        return len(self._sent)


@asynccontextmanager
async def _listeners(target: Target, desk: Desk, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(target.subscribe()) for _ in range(count)]
        tasks = [asyncio.ensure_future(desk.listen(ws)) for ws in sockets]
        # The first event may come only once the server has taken note of the subscription.
        await asyncio.sleep(1.0)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def busy(target: Target, seconds: float, subscribers: int) -> Figures:
    """Write without pause; the rate counts events delivered, the latency runs from sending."""
    crowd = await target.crowd(8)
    desk = Desk(target)
    async with _listeners(target, desk, subscribers):
        await settle(target.pid)
        meter, started = Meter.begin(target.pid), time.perf_counter()

        async def writer(account: Account) -> None:
            while time.perf_counter() < started + seconds:
                await desk.write(account)

        await asyncio.gather(*(writer(account) for account in crowd[:WRITERS]))
        await desk.wait_for(desk.written * subscribers)
        elapsed, others = time.perf_counter() - started, meter.others_seconds()
        await settle(target.pid)
    return figures(meter, desk.heard, elapsed, others, desk.took, "events/s")


async def quiet(target: Target, seconds: float) -> Figures:
    """Write a post now and then, one subscriber; the latency runs from sending to the event."""
    account = (await target.crowd(1))[0]
    desk = Desk(target)
    async with _listeners(target, desk, 1):
        meter, started = Meter.begin(target.pid), time.perf_counter()
        while time.perf_counter() < started + seconds:
            await desk.write(account)
            await asyncio.sleep(QUIET_SECONDS)
        await desk.wait_for(desk.written)
        elapsed, others = time.perf_counter() - started, meter.others_seconds()
    return figures(meter, desk.heard, elapsed, others, desk.took, "events/s")


class Replay:
    """Replays the same events again and again; they are made for the first time it runs."""

    def __init__(self) -> None:
        self._spans: dict[Target, tuple[int, int]] = {}

    async def run(self, target: Target, seconds: float) -> Figures:
        if target not in self._spans:
            self._spans[target] = await _make_history(target)
        first, last = self._spans[target]
        await _replay(target, first, last)
        await settle(target.pid)
        meter, started = Meter.begin(target.pid), time.perf_counter()
        events, took = 0, []
        while time.perf_counter() < started + seconds:
            before = time.perf_counter()
            events += await _replay(target, first, last)
            took.append(time.perf_counter() - before)
        elapsed, others = time.perf_counter() - started, meter.others_seconds()
        return figures(meter, events, elapsed, others, took, "events/s")


async def _make_history(target: Target) -> tuple[int, int]:
    """Write 6,000 posts of 8 accounts. Gives the seqs around their events."""
    crowd = await target.crowd(8)
    desk = Desk(target)
    first = await _next_seq(target, desk, crowd[0])
    await asyncio.gather(*(_write_many(desk, account, REPLAYED // 8) for account in crowd))
    return first, await _next_seq(target, desk, crowd[0])


async def _write_many(desk: Desk, account: Account, count: int) -> None:
    for _ in range(count):
        await desk.write(account)


async def _next_seq(target: Target, desk: Desk, account: Account) -> int:
    """Write once and tell the seq of that event."""
    async with target.subscribe() as ws:
        await asyncio.sleep(0.3)
        await desk.write(account)
        async with asyncio.timeout(PATIENCE):
            frame = await ws.receive_bytes()
    return int(decode_frame(frame).body["seq"])


async def _replay(target: Target, first: int, last: int) -> int:
    """Receive the events between two seqs. Raises TimeoutError."""
    count = last - first
    async with target.subscribe(first) as ws, asyncio.timeout(60):
        for _ in range(count):
            await ws.receive_bytes()
    return count


def cases() -> dict[str, Case]:
    """Give the cases by name."""
    return {
        "replay": Replay().run,
        "firehose busy subscribers=1": lambda target, seconds: busy(target, seconds, 1),
        "firehose busy subscribers=10": lambda target, seconds: busy(target, seconds, 10),
        "firehose quiet subscribers=1": quiet,
    }
