"""Questions to roles: answers of every shape, servers that leave, what is no single request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from appliance.base import role_wires
from appliance.base.addresses import OutboundFailed, OutboundPolicy, OutboundRefused
from appliance.base.http import HttpClient
from appliance.base.role_wires import RoleWires

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name:  a:b \r\n\r\nhi"


@asynccontextmanager
async def talking(folder: Path, talk: Talk) -> AsyncIterator[RoleWires]:
    """Serve every connection by `talk`, and give wires to it."""
    path = folder / "role.sock"
    under_way: set[asyncio.Event] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.Event()
        under_way.add(ended)
        with suppress(OSError):
            await talk(reader, writer)
            writer.close()
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_unix_server(serve, path)
    wires = RoleWires(str(path))
    try:
        yield wires
    finally:
        wires.close()
        server.close()
        for ended in under_way:
            await ended.wait()


def saying(*pieces: bytes, closes: bool = False) -> Talk:
    """Answer each request with these pieces, one after the other."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _request(reader):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if closes:
                break

    return talk


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def test_an_answer_comes_whole_in_whichever_pieces(tmp_path: Path) -> None:
    for pieces in ([OK], [bytes([byte]) for byte in OK], [OK[:70], OK[70:]]):
        async with talking(tmp_path, saying(*pieces)) as wires:
            for _ in range(3):
                answer = await wires.get("/x", {}, 10)
                assert (answer.status, answer.body) == (200, b"hi")
                assert answer.headers["x-name"] == "a:b"


async def test_aiohttp_is_understood_and_connections_are_used_again(tmp_path: Path) -> None:
    seen: list[tuple[str, str, object]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path_qs, request.headers["X-Who"], request.transport))
        return web.Response(body=b"x" * 500_000)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, tmp_path / "role.sock").start()
    wires = RoleWires(str(tmp_path / "role.sock"))
    try:
        for _ in range(3):
            found = await wires.get("/xrpc/a.b.c?q=%20%C3%BC", {"X-Who": "ü"}, 10)
            assert len(found.body) == 500_000
    finally:
        wires.close()
        await runner.cleanup()
    assert {(path, who) for path, who, _ in seen} == {("/xrpc/a.b.c?q=%20%C3%BC", "ü")}
    assert len({transport for _, _, transport in seen}) == 1


async def test_questions_at_once_get_their_own_answers(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _request(reader):
            name = request.split()[1]
            await asyncio.sleep(0.01 if name < b"/5" else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + name)

    async with talking(tmp_path, talk) as wires:
        for _ in range(2):
            answers = await asyncio.gather(*(wires.get(f"/{n}", {}, 10) for n in range(10)))
            assert [answer.body for answer in answers] == [b"/%d" % n for n in range(10)]


async def test_a_question_is_asked_again_where_a_waiting_connection_was_closed(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, saying(OK, closes=True)) as wires:
        for _ in range(5):
            assert (await wires.get("/x", {}, 10)).body == b"hi"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"x" * (role_wires.MOST_HEAD_BYTES + 1),
    ],
)
async def test_what_is_no_answer_is_a_failure_by_name(tmp_path: Path, answer: bytes) -> None:
    async with talking(tmp_path, saying(answer, closes=True)) as wires:
        for _ in range(2):
            with pytest.raises(OutboundFailed):
                await wires.get("/x", {}, 10)


async def test_nothing_to_say_needs_no_length(tmp_path: Path) -> None:
    async with talking(tmp_path, saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as wires:
        assert await wires.get("/x", {}, 10) == (204, {}, b"")


async def test_silence_ends_and_its_connection_is_nobody_elses(tmp_path: Path) -> None:
    late = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _request(reader):
            if b"/slow" in request:
                await late.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + request.split()[1])

    async with talking(tmp_path, talk) as wires:
        with pytest.raises(OutboundFailed, match="no answer in"):
            await wires.get("/slow", {}, 0.01)
        stopped = asyncio.ensure_future(wires.get("/slow", {}, 10))
        await asyncio.sleep(0.01)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        late.set()
        assert (await wires.get("/fast", {}, 10)).body == b"/fast"


async def test_nobody_there_is_a_failure_by_name(tmp_path: Path) -> None:
    with pytest.raises(OutboundFailed, match="no connection"):
        await RoleWires(str(tmp_path / "nobody.sock")).get("/x", {}, 10)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/x HTTP/1.1\r\nX-Other: y\r\n\r\nGET /y", {}),
        ("/x y", {}),
        ("/x", {"A": "b\r\nAuthorization: c"}),
        ("/x", {"A": "b\nc"}),
        ("/x", {"A": "b\rc"}),
        ("/x", {"A\r\nB": "c"}),
    ],
)
async def test_what_would_be_more_than_one_request_is_never_sent(
    tmp_path: Path, target: str, headers: dict[str, str]
) -> None:
    async with talking(tmp_path, saying(OK)) as wires:
        with pytest.raises(OutboundRefused):
            await wires.get(target, headers, 10)


async def test_a_role_is_held_to_sizes_and_led_nowhere_and_may_stream(tmp_path: Path) -> None:
    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X-Who": request.headers["User-Agent"]})
        await response.prepare(request)
        await response.write(request.path_qs.encode())
        return response

    async def away(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/stream"})

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 100)

    app = web.Application()
    app.router.add_get("/stream", streamed)
    app.router.add_get("/away", away)
    app.router.add_get("/large", large)
    runner = web.AppRunner(app)
    await runner.setup()
    address = f"unix:{tmp_path}/role.sock"
    await web.UnixSite(runner, tmp_path / "role.sock").start()
    try:
        async with HttpClient.open(OutboundPolicy()) as client:
            got = await client.request("GET", address, path="/stream", params=[("a", "b c")])
            assert (got.body, got.headers["x-wHo"]) == (b"/stream?a=b+c", "hearth")
            whole = await client.request("GET", address, path="/large", max_bytes=100)
            assert whole.body == b"x" * 100
            with pytest.raises(OutboundFailed, match="larger than 99"):
                await client.request("GET", address, path="/large", max_bytes=99)
            assert (await client.request("GET", address, path="/away")).status == 302
    finally:
        await runner.cleanup()
