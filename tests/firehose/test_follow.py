"""Following an upstream: in order, resumed, in batches, whatever happens to the connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.atproto.xrpc.frames import decode_frame, error_frame
from appliance.base.http import HttpClient, OutboundPolicy
from appliance.base.workers import Workers
from appliance.firehose import follow
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import IdentityEvent
from appliance.firehose.follow import Follower
from appliance.firehose.serve import serve_subscribe_repos
from tests.firehose.test_event_log import ALICE, BOB, write
from tests.support.hosts import TIME, FakeHost, fake_host
from tests.support.waiting import until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Consumer:
    """Takes frames, as a role does: stores a cursor, notes the sizes of batches."""

    def __init__(self) -> None:
        self.cursor: int | None = 0
        self.seqs: list[int] = []
        self.batches: list[int] = []
        self.errors: list[str] = []
        self.grown = asyncio.Event()
        self.pause = 0.0

    async def take(self, frames: list[bytes]) -> None:
        await asyncio.sleep(self.pause)
        self.seqs += [decode_frame(frame).body["seq"] for frame in frames]
        self.batches.append(len(frames))
        self.cursor = self.seqs[-1]
        self.grown.set()

    async def refused(self, name: str) -> None:
        self.errors.append(name)
        self.cursor = None
        self.grown.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self.grown.clear()
                await self.grown.wait()


@asynccontextmanager
async def following(address: str, consumer: Consumer) -> AsyncIterator[Follower]:
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        Workers() as workers,
    ):
        follower = Follower(http, address, lambda: consumer.cursor, consumer.take, consumer.refused)
        workers.start("follower", follower.run)
        yield follower


@asynccontextmanager
async def serving(socket: Path, handler: Handler) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get(follow.PATH, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def tell(host: FakeHost, count: int) -> None:
    await host.tell(*(IdentityEvent(ALICE, TIME) for _ in range(count)))


@pytest.mark.parametrize("over", ["socket", "tcp"])
async def test_frames_come_in_order_from_old_to_live(tmp_path: Path, over: str) -> None:
    socket = tmp_path / "host.sock"
    consumer = Consumer()
    async with fake_host(tmp_path / "host.sqlite", socket) as host:
        await tell(host, 500)
        address = f"unix:{socket}" if over == "socket" else host.url
        async with following(address, consumer) as follower:
            await consumer.until(lambda: len(consumer.seqs) >= 500)
            await tell(host, 3)
            await consumer.until(lambda: len(consumer.seqs) >= 503)
            assert follower.connected_since is not None
    assert consumer.seqs == list(range(1, 504))


async def test_frames_that_wait_come_together(tmp_path: Path) -> None:
    socket = tmp_path / "host.sock"
    consumer = Consumer()
    consumer.pause = 0.01
    async with fake_host(tmp_path / "host.sqlite", socket) as host:
        await tell(host, 2000)
        async with following(f"unix:{socket}", consumer):
            await consumer.until(lambda: len(consumer.seqs) >= 2000)
    assert consumer.seqs == list(range(1, 2001))
    assert len(consumer.batches) < 40
    assert max(consumer.batches) <= follow.BATCH_FRAMES


async def test_frames_that_come_one_by_one_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "GATHER_SECONDS", 1.5)
    socket = tmp_path / "host.sock"
    consumer = Consumer()
    async with (
        fake_host(tmp_path / "host.sqlite", socket) as host,
        following(f"unix:{socket}", consumer),
    ):
        await tell(host, 1)
        await consumer.until(lambda: consumer.seqs == [1])
        for _ in range(5):
            await tell(host, 1)
        await consumer.until(lambda: len(consumer.seqs) == 6)
    assert consumer.batches == [1, 5]


async def test_after_a_lost_connection_it_resumes_where_it_was(
    tmp_path: Path, log: EventLog
) -> None:
    consumer = Consumer()
    connections: list[web.Request] = []

    async def break_off_twice(request: web.Request) -> web.StreamResponse:
        connections.append(request)
        if len(connections) > 2:
            return await serve_subscribe_repos(request, log)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for _, frame in log.after(int(request.query["cursor"]))[:2]:
            await ws.send_bytes(frame)
        if len(connections) == 1:
            await ws.close()
        elif request.transport is not None:
            request.transport.abort()
        return ws

    await log._db.write(write, 6)
    async with (
        serving(tmp_path / "s", break_off_twice),
        following(f"unix:{tmp_path / 's'}", consumer),
    ):
        await consumer.until(lambda: len(consumer.seqs) >= 6)
    assert consumer.seqs == [1, 2, 3, 4, 5, 6]
    assert [request.query["cursor"] for request in connections] == ["0", "2", "4"]


async def test_an_upstream_that_is_away_is_awaited(tmp_path: Path, log: EventLog) -> None:
    consumer = Consumer()

    async def serve(request: web.Request) -> web.StreamResponse:
        return await serve_subscribe_repos(request, log)

    await log._db.write(write, 2, BOB)
    async with following(f"unix:{tmp_path / 's'}", consumer) as follower:
        await until(lambda: follower.last_failure is not None)
        assert follower.connected_since is None
        async with serving(tmp_path / "s", serve):
            await consumer.until(lambda: len(consumer.seqs) >= 2)
    assert consumer.seqs == [1, 2]


@pytest.mark.parametrize("amid", [True, False])
async def test_who_says_that_it_is_there_is_tried_at_once_also_amid_an_attempt(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch, amid: bool
) -> None:
    monkeypatch.setattr(follow, "FIRST_PAUSE_AT_HOME", 3600.0)
    consumer = Consumer()
    asked, may_fail = asyncio.Event(), asyncio.Event()
    answers: list[int] = []

    async def fail_once(request: web.Request) -> web.StreamResponse:
        if answers:
            return await serve_subscribe_repos(request, log)
        asked.set()
        await may_fail.wait()
        answers.append(503)
        return web.Response(status=503)

    await log._db.write(write, 2, BOB)
    async with (
        serving(tmp_path / "s", fail_once),
        following(f"unix:{tmp_path / 's'}", consumer) as follower,
    ):
        async with asyncio.timeout(60):
            await asked.wait()
        if amid:
            follower.nudge()
        may_fail.set()
        await until(lambda: follower.last_failure is not None)
        if not amid:
            follower.nudge()
        await consumer.until(lambda: len(consumer.seqs) >= 2)
        # That was its answer: the next loss is met with a pause again.
        assert not follower._nudged.is_set()


async def test_an_error_frame_is_reported_after_the_frames_before_it(
    tmp_path: Path, log: EventLog
) -> None:
    consumer, again = Consumer(), asyncio.Event()

    async def refuse(request: web.Request) -> web.StreamResponse:
        if "cursor" not in request.query:
            again.set()
            return await serve_subscribe_repos(request, log)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_bytes(log.after(0)[0][1])
        await ws.send_bytes(error_frame("FutureCursor"))
        await ws.close()
        return ws

    await log._db.write(write, 1)
    async with (
        serving(tmp_path / "s", refuse),
        following(f"unix:{tmp_path / 's'}", consumer) as follower,
    ):
        await consumer.until(lambda: bool(consumer.errors))
        await until(lambda: again.is_set() and follower.connected_since is not None)
        await log._db.write(write, 1)
        await consumer.until(lambda: len(consumer.seqs) >= 2)
    assert consumer.errors == ["FutureCursor"]
    assert consumer.seqs == [1, 2]


async def test_a_text_message_ends_the_connection(tmp_path: Path) -> None:
    consumer = Consumer()
    connections = 0

    async def speak_text(request: web.Request) -> web.StreamResponse:
        nonlocal connections
        connections += 1
        consumer.grown.set()
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("hello")
        async for _ in ws:
            pass
        return ws

    async with (
        serving(tmp_path / "s", speak_text),
        following(f"unix:{tmp_path / 's'}", consumer) as follower,
    ):
        await consumer.until(lambda: connections >= 2)
        assert follower.last_failure == "it sent a message that is not binary"
    assert consumer.seqs == []
