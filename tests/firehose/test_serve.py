"""subscribeRepos as a subscriber sees it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from appliance.atproto.xrpc.errors import XrpcError
from appliance.atproto.xrpc.frames import Frame, decode_frame, encode_frame
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose import event_log, serve, subscriber
from appliance.firehose.event_log import EventLog
from appliance.firehose.inside import Haste
from tests.firehose.test_event_log import ALICE, write
from tests.support.waiting import until

PATH = "/xrpc/com.atproto.sync.subscribeRepos"


@pytest.fixture
async def server(log: EventLog) -> AsyncIterator[BaseTestServer]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await serve.serve_subscribe_repos(request, log)
        except XrpcError as error:
            return web.json_response({"error": error.name}, status=error.status)

    app = web.Application()
    app.router.add_get(PATH, handle)
    async with TestServer(app) as running:
        yield running


@asynccontextmanager
async def subscribe(
    server: BaseTestServer, cursor: str | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    params = {} if cursor is None else {"cursor": cursor}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.make_url(PATH), params=params, max_msg_size=0) as ws,
    ):
        yield ws


async def frames(ws: aiohttp.ClientWebSocketResponse, count: int) -> list[Frame]:
    async with asyncio.timeout(60):
        return [decode_frame(await ws.receive_bytes(timeout=60)) for _ in range(count)]


async def seqs(ws: aiohttp.ClientWebSocketResponse, count: int) -> list[int]:
    return [frame.body["seq"] for frame in await frames(ws, count)]


async def closed(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(60):
        message = await ws.receive(timeout=60)
    assert message.type is aiohttp.WSMsgType.CLOSE
    return ws.close_code


async def test_without_a_cursor_only_new_events_come(db: Database, server: BaseTestServer) -> None:
    await db.write(write, 3)
    async with subscribe(server) as ws:
        await asyncio.sleep(0.05)
        await db.write(write, 2)
        assert await seqs(ws, 2) == [4, 5]


async def test_a_cursor_is_exclusive_and_replay_runs_on_into_live(
    db: Database, server: BaseTestServer
) -> None:
    await db.write(write, 600)
    async with subscribe(server, "300") as ws:
        assert await seqs(ws, 300) == list(range(301, 601))
        await db.write(write, 2)
        assert await seqs(ws, 2) == [601, 602]
    async with subscribe(server, "0") as ws:
        assert await seqs(ws, 602) == list(range(1, 603))


async def test_the_cursor_of_the_newest_event_waits_for_the_next(
    db: Database, server: BaseTestServer
) -> None:
    await db.write(write, 3)
    async with subscribe(server, "3") as ws:
        await asyncio.sleep(0.02)
        await db.write(write, 1)
        assert await seqs(ws, 1) == [4]


async def test_a_future_cursor_gets_an_error_frame_and_the_end(
    db: Database, server: BaseTestServer
) -> None:
    await db.write(write, 3)
    async with subscribe(server, "4") as ws:
        (frame,) = await frames(ws, 1)
        assert (frame.op, frame.body["error"]) == (-1, "FutureCursor")
        assert await closed(ws) == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_an_outdated_cursor_is_told_so_and_gets_what_is_left(
    db: Database, log: EventLog, server: BaseTestServer
) -> None:
    await db.write(write, 5, ALICE, 1_000_000)
    await db.write(write, 2, ALICE, 2_000_000)
    await log.prune(1_500_000, 10**9)
    async with subscribe(server, "2") as ws:
        info, *rest = await frames(ws, 3)
        assert (info.t, info.body["name"]) == ("#info", "OutdatedCursor")
        assert [frame.body["seq"] for frame in rest] == [6, 7]
    async with subscribe(server, "0") as ws:
        assert await seqs(ws, 2) == [6, 7]
    async with subscribe(server, "5") as ws:
        assert await seqs(ws, 2) == [6, 7]
    async with subscribe(server, "-1") as ws:
        assert await seqs(ws, 2) == [6, 7]


@pytest.mark.parametrize("cursor", ["-", "--1", "x", "1.5", "", "9007199254740992", "١", "9" * 40])
async def test_a_malformed_cursor_is_refused(server: BaseTestServer, cursor: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(server.make_url(PATH), params={"cursor": cursor})
    assert refused.value.status == 400


async def test_a_plain_request_is_told_to_upgrade(server: BaseTestServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.make_url(PATH)) as response,
    ):
        assert response.status == 426


async def test_large_and_tiny_frames_arrive_whole(db: Database, server: BaseTestServer) -> None:
    sizes = [1, 60, 200, 70_000, 1_500_000]

    def append(conn: Connection, size: int) -> None:
        frame = frame_of(size)
        event_log.append(conn, ALICE, "identity", frame, 1)

    for size in sizes:
        await db.write(append, size)
    async with subscribe(server, "0") as ws:
        assert [len(frame.body["x"]) for frame in await frames(ws, 5)] == sizes


def frame_of(size: int) -> bytes:
    return encode_frame("#identity", {"seq": 0, "x": b"." * size})


async def stalled(
    server: BaseTestServer,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Subscribe to everything and read nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"GET {PATH}?cursor=0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    return reader, writer


async def test_a_subscriber_that_reads_nothing_holds_up_nobody(
    db: Database,
    log: EventLog,
    server: BaseTestServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So long this process may stand still without cutting off the one that takes everything.
    monkeypatch.setattr(subscriber, "STALLED_SECONDS", 2.0)

    def append(conn: Connection, count: int) -> None:
        for _ in range(count):
            event_log.append(conn, ALICE, "identity", frame_of(400_000), 1)

    reader, writer = await stalled(server)
    async with subscribe(server, "0") as ws:
        for number in range(20):
            await db.write(append, 2)
            assert await seqs(ws, 2) == [number * 2 + 1, number * 2 + 2]
        assert log.head() == 40
        assert server.runner is not None
        at_the_door = server.runner.server
        assert at_the_door is not None
        await until(lambda: len(at_the_door.connections) == 1)  # the stalled one was cut off
    reader._transport.resume_reading()  # type: ignore[attr-defined]
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        async with asyncio.timeout(60):
            await reader.readexactly(40 * 400_000)
    writer.close()


async def test_a_subscriber_whose_place_was_pruned_away_is_told_that_it_is_too_slow(
    db: Database, log: EventLog, server: BaseTestServer
) -> None:
    def append(conn: Connection) -> None:
        for _ in range(60):
            event_log.append(conn, ALICE, "identity", frame_of(400_000), 1)

    await db.write(append)
    async with subscribe(server, "0") as ws:
        await asyncio.sleep(0.3)
        await log.prune(0, 1_000_000)
        seen = 0
        async with asyncio.timeout(60):
            while (frame := decode_frame(await ws.receive_bytes(timeout=60))).op == 1:
                seen += 1
                assert frame.body["seq"] == seen
        assert frame.body["error"] == "ConsumerTooSlow"
        assert seen < 58


async def test_closing_the_log_sends_subscribers_away_to_come_back(
    db: Database, log: EventLog, server: BaseTestServer
) -> None:
    async with subscribe(server) as ws:
        await asyncio.sleep(0.02)
        log.close()
        assert await closed(ws) == aiohttp.WSCloseCode.SERVICE_RESTART


async def test_a_subscriber_may_ping_but_not_without_end(
    db: Database, server: BaseTestServer
) -> None:
    async with subscribe(server) as ws:
        await ws.ping(b"there?")
        await db.write(write, 1)
        assert await seqs(ws, 1) == [1]
        for _ in range(subscriber.MOST_SPOKEN):
            await ws.ping()
        assert await closed(ws) == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_message_too_large_ends_the_connection(server: BaseTestServer) -> None:
    async with subscribe(server) as ws:
        await ws.send_bytes(bytes(subscriber.INCOMING_BYTES + 1))
        assert await closed(ws) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_fifty_subscribers_that_take_nothing_hold_little_and_delay_nobody(
    db: Database, log: EventLog
) -> None:
    transports: list[asyncio.WriteTransport] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        assert isinstance(request.transport, asyncio.WriteTransport)
        transports.append(request.transport)
        return await serve.serve_subscribe_repos(request, log)

    def append(conn: Connection) -> None:
        for _ in range(50):
            event_log.append(conn, ALICE, "identity", frame_of(20_000), 1)

    app = web.Application()
    app.router.add_get(PATH, handle)
    async with TestServer(app) as running, AsyncExitStack() as stack:
        for _ in range(50):
            _, writer = await stalled(running)
            stack.callback(writer.close)
        ws = await stack.enter_async_context(subscribe(running))
        await asyncio.sleep(0.1)
        late = []
        for number in range(10):
            await db.write(append)
            started = time.perf_counter()
            assert (await seqs(ws, 50))[-1] == 50 * (number + 1)
            late.append(time.perf_counter() - started)
        held = [transport.get_write_buffer_size() for transport in transports]
        assert 0 < max(held) < 200_000
        assert sum(held) < 50 * 150_000
        assert log.held_bytes() <= event_log.RING_BYTES
        assert sorted(late)[5] < 20  # who stalls is waited for three times as long


async def test_a_role_inside_gets_gathered_batches_and_others_each_event_at_once(
    db: Database, log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "SECONDS_FOR_A_RATE", 60.0)
    monkeypatch.setattr(serve, "LONGEST_GATHERING", 60.0)
    haste = Haste()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await serve.serve_subscribe_repos(request, log, None, haste)

    app = web.Application()
    app.router.add_get(PATH, handle)
    path = tmp_path / "host.sock"
    async with (
        TestServer(app) as server,
        subscribe(server, "0") as outside,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
    ):
        assert server.runner is not None
        await web.UnixSite(server.runner, path).start()
        async with session.ws_connect(f"http://inside{PATH}?cursor=0") as inside:
            await db.write(write, 1)
            assert await seqs(inside, 1) == [1]
            await db.write(write, 300)
            assert await seqs(outside, 301) == list(range(1, 302))
            with pytest.raises(TimeoutError):
                await inside.receive(timeout=0.2)
            with haste.wanted():
                # All that there is comes without another pause.
                assert await seqs(inside, 300) == list(range(2, 302))


async def test_who_hangs_up_before_the_answer_leaves_no_complaint(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    ended = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        try:
            return await serve.serve_subscribe_repos(request, log)
        finally:
            ended.set()

    app = web.Application()
    app.router.add_get(PATH, handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(server.make_url(PATH))
        await asyncio.wait_for(ended.wait(), 60)
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_who_is_found_gone_while_it_is_answered_leaves_no_complaint(
    log: EventLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a sleep: what was asked before it waits to be read, and nobody is there any more."""

    async def write(_ws: web.WebSocketResponse) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(web.WebSocketResponse, "_write_headers", write)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await serve.serve_subscribe_repos(request, log)

    app = web.Application()
    app.router.add_get(PATH, handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(server.make_url(PATH))
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []
