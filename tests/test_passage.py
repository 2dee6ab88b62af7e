"""What goes from the front door to a role in another process, and what comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.passage import CALLER, as_at_the_door, build_passage
from tests.support.waiting import until

NOTE = web.RequestKey("note", str)


@dataclass
class Role:
    """A role that tells how it was asked, and keeps its sockets open."""

    path: Path
    runner: web.AppRunner | None = None
    asked: int = 0
    closed: list[int | None] = field(default_factory=list)
    gone_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        app = web.Application(middlewares=[as_at_the_door], client_max_size=2**10)
        app.router.add_get("/asked", self.tell)
        app.router.add_post("/echo", self.echo)
        app.router.add_get("/slow", self.slow)
        app.router.add_get("/gone", self.cut_short)
        app.router.add_get("/stream", self.stream)
        app.on_response_prepare.append(self.mark)
        self.path.unlink(missing_ok=True)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.UnixSite(self.runner, self.path).start()

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    @staticmethod
    async def mark(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Noted"] = request.get(NOTE, "nothing")

    @staticmethod
    async def tell(request: web.Request) -> web.Response:
        request[NOTE] = "by the handler"
        asked = {
            "remote": request.remote,
            "secure": request.secure,
            "host": request.host,
            "target": request.rel_url.raw_path_qs,
            "given": request.headers.getall("Given", []),
            "packed": request.headers.get("Accept-Encoding"),
        }
        answer = web.json_response(asked)
        answer.headers.add("Set-Cookie", "a=1")
        answer.headers.add("Set-Cookie", "b=2")
        return answer

    @staticmethod
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), content_type="text/plain")

    async def slow(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"first")
        async with asyncio.timeout(60):
            await self.gone_on.wait()
        await answer.write(b", then the rest")
        return answer

    @staticmethod
    async def cut_short(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"only this")
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            raise web.HTTPUpgradeRequired
        self.asked += 1
        if "cursor" not in request.query:
            raise web.HTTPTooManyRequests(text="later", headers={"Retry-After": "60"})
        ws = web.WebSocketResponse(protocols=("frames",))
        await ws.prepare(request)
        await ws.send_str(f"for {request.remote}")
        async for message in ws:
            if message.data == "end":
                await ws.close(code=4002, message=b"enough")
            else:
                await ws.send_bytes(message.data * 2)
        self.closed.append(ws.close_code)
        return ws


@dataclass
class Door:
    role: Role
    url: str
    http: aiohttp.ClientSession


@asynccontextmanager
async def _door(folder: Path) -> AsyncIterator[Door]:
    role = Role(folder / "role.sock")
    await role.start()
    try:
        async with HttpClient.open(OutboundPolicy()) as inside, aiohttp.ClientSession() as outside:
            passage = build_passage("relay", f"unix:{role.path}", inside)
            async with TestServer(passage) as server:
                yield Door(role, str(server.make_url("")).rstrip("/"), outside)
    finally:
        await role.stop()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with _door(tmp_path) as opened:
        yield opened


async def test_the_role_sees_what_the_door_saw_whatever_the_caller_claims(door: Door) -> None:
    headers = {
        "Host": "relay.smith.example",
        "Given": "one",
        "Accept-Encoding": "gzip, deflate",
        CALLER: "10.9.8.7",
        "Connection": "keep-alive, X-Secret",
        "X-Secret": "for the door alone",
    }
    async with door.http.get(f"{door.url}/asked?a=%2Fb&c=d%20e", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert answer.headers["Noted"] == "by the handler"
        assert await answer.json() == {
            "remote": "127.0.0.1",
            "secure": False,
            "host": "relay.smith.example",
            "target": "/asked?a=/b&c=d%20e",
            "given": ["one"],
            "packed": "gzip, deflate",
        }
    async with door.http.get(f"{door.url}/asked", skip_auto_headers=["Accept-Encoding"]) as answer:
        assert (await answer.json())["packed"] == "identity"


async def test_bodies_come_as_they_are_and_refusals_too(door: Door) -> None:
    async with door.http.post(f"{door.url}/echo", data=b"whole") as answer:
        assert await answer.read() == b"whole"

    async def parts() -> AsyncIterator[bytes]:
        for part in (b"in ", b"parts"):
            yield part

    async with door.http.post(f"{door.url}/echo", data=parts()) as answer:
        assert await answer.read() == b"in parts"
    async with door.http.post(f"{door.url}/echo", data=b"x" * 2**11) as answer:
        assert answer.status == 413
    async with door.http.head(f"{door.url}/asked") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 100


async def test_an_answer_is_passed_on_while_it_comes(door: Door) -> None:
    async with door.http.get(f"{door.url}/slow") as answer:
        assert await answer.content.readany() == b"first"
        door.role.gone_on.set()
        assert await answer.content.read() == b", then the rest"


async def test_an_answer_that_is_cut_short_is_seen_to_be(door: Door) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with door.http.get(f"{door.url}/gone") as answer:
            await answer.read()


async def test_a_role_that_is_down_is_named_and_is_back_by_itself(door: Door) -> None:
    await door.role.stop()
    async with door.http.get(f"{door.url}/asked") as answer:
        assert answer.status == 502
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert (await answer.json())["message"].startswith("The relay of this network")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await door.http.ws_connect(f"{door.url}/stream?cursor=1")
    assert refused.value.status == 502
    await door.role.start()
    async with door.http.get(f"{door.url}/asked") as answer:
        assert answer.status == 200


async def test_a_websocket_is_passed_both_ways_with_how_it_ended(door: Door) -> None:
    at = f"{door.url}/stream?cursor=1"
    async with door.http.ws_connect(at, protocols=("frames",), headers={CALLER: "10.9.8.7"}) as ws:
        assert ws.protocol == "frames"
        assert await ws.receive_str(timeout=60) == "for 127.0.0.1"
        await ws.send_bytes(b"x" * 100_000)
        assert len(await ws.receive_bytes(timeout=60)) == 200_000
        await ws.send_str("end")
        ended = await ws.receive(timeout=60)
        assert (ended.data, ended.extra) == (4002, "enough")
    async with door.http.ws_connect(at) as ws:
        await ws.receive_str(timeout=60)
    await until(lambda: len(door.role.closed) == 2)


async def test_a_websocket_that_is_refused_is_answered_as_the_role_does(door: Door) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await door.http.ws_connect(f"{door.url}/stream")
    assert refused.value.status == 429
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"] == "60"
    assert door.role.asked == 1
    wish = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with door.http.get(f"{door.url}/stream", headers=wish) as answer:
        assert (answer.status, await answer.read()) == (429, b"later")
        assert answer.headers.getall("Content-Type") == ["text/plain; charset=utf-8"]
    async with door.http.get(f"{door.url}/asked", headers=wish) as answer:
        assert (answer.status, (await answer.json())["remote"]) == (200, "127.0.0.1")


async def test_who_hangs_up_is_hung_up_on(door: Door) -> None:
    async with door.http.ws_connect(f"{door.url}/stream?cursor=1") as ws:
        await ws.receive_str(timeout=60)
        await door.role.stop()
        ended = await ws.receive(timeout=60)
        assert ended.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
