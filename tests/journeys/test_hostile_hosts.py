"""A host may send the relay whatever it likes: nobody else is troubled by it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.cbor import encode
from appliance.atproto.xrpc.frames import encode_frame
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent
from tests.support.appliance import Appliance
from tests.support.client import Client, Member
from tests.support.repo_author import RepoAuthor
from tests.support.stream import events_after, head

TIME = "2026-11-20T10:00:00.000Z"


class HostileHost:
    """A host that looks like a PDS and says one thing, once for each connection."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self.said = asyncio.Event()
        self._sockets: list[web.WebSocketResponse] = []

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/xrpc/com.atproto.sync.subscribeRepos", self._stream)
        app.router.add_get("/xrpc/com.atproto.server.describeServer", self._describe)
        app.router.add_get("/xrpc/{method}", self._garbage)
        return app

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.json_response({"did": "did:web:localhost", "availableUserDomains": []})

    async def _garbage(self, request: web.Request) -> web.Response:
        if request.match_info["method"] == "com.atproto.sync.listRepos":
            return web.json_response({"repos": []})
        return web.Response(body=b"\xff" * 1000, content_type="application/vnd.ipld.car")

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        await socket.send_bytes(self._frame)
        # What follows is an answer to a ping only after the frame was read.
        await socket.ping()
        self.said.set()
        async for _ in socket:
            pass
        return socket


def frames(genuine: CommitEvent, victim: str) -> Mapping[str, bytes]:
    """Make what a host must not be believed, or cannot be read."""
    whole = genuine.frame()
    stranger = RepoAuthor("mallory")
    forged = stranger.post("forged")
    return {
        "nothing": b"",
        "noise": bytes(range(256)) * 10,
        "half a frame": whole[: len(whole) // 2],
        "two frames": whole + whole,
        "depth": b"\x81" * 100_000,
        "a header of depth": encode({"op": 1, "t": "#commit"}) + b"\xa1\x61a" * 50_000,
        "an endless text": encode({"op": 1, "t": "#commit"}) + b"\x7b" + b"\xff" * 8,
        "numbers for fields": encode_frame("#commit", {"seq": 5, "repo": 7, "ops": 3}),
        "a seq of text": encode_frame("#identity", {"seq": "5", "did": victim, "time": TIME}),
        "a seq beyond all": encode_frame("#identity", {"seq": 1 << 62, "did": victim}),
        "no car": replace(genuine, seq=5, blocks=b"\x00" * 100).frame(),
        "a car of noise": replace(genuine, seq=5, blocks=bytes(range(256)) * 40).frame(),
        "another's commit": replace(genuine, seq=5).frame(),
        "a commit of nobody": replace(forged, seq=5).frame(),
        "a commit in another's name": replace(forged, seq=5, did=genuine.did).frame(),
        "another's farewell": AccountEvent(genuine.did, TIME, False, "deleted", 5).frame(),
        "another's new name": IdentityEvent(genuine.did, TIME, seq=5).frame(),
        "an unknown kind": encode_frame("#gossip", {"seq": 5}),
        "an error": encode({"op": -1}) + encode({"error": "x" * 100_000, "message": "\n\x1b[31m"}),
    }


@asynccontextmanager
async def listening(
    all_frames: Mapping[str, bytes],
) -> AsyncIterator[list[tuple[int, HostileHost]]]:
    """Start a host for each frame; give ports and hosts."""
    async with AsyncExitStack() as stack:
        hosts = []
        for frame in all_frames.values():
            host = HostileHost(frame)
            server = await stack.enter_async_context(TestServer(host.app(), host="localhost"))
            assert server.port is not None
            # Closed before its server, which would wait for it.
            stack.push_async_callback(host.close)
            hosts.append((server.port, host))
        yield hosts


@pytest.fixture
def network() -> Iterator[Appliance]:
    """A network of its own: a relay takes only so many new hosts a day."""
    ours = Appliance()
    try:
        yield ours
        assert ours.complaints() == []
    finally:
        ours.finish()


async def test_what_hostile_hosts_say_reaches_nobody(
    network: Appliance, http: aiohttp.ClientSession, ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    post = await ann.write_post("still here")
    await bob.sees(post)
    told = await events_after(http, network.pds, 0)
    genuine = [each for each in told if isinstance(each, CommitEvent) and each.did == ann.did][-1]
    start = await head(http, network.relay)
    relay = Client(http, network.relay)
    async with listening(frames(genuine, ann.did)) as hosts:
        for port, _ in hosts:
            await relay.post("com.atproto.sync.requestCrawl", hostname=f"localhost:{port}")
        await asyncio.wait_for(asyncio.gather(*[host.said.wait() for _, host in hosts]), 60)
        # Nothing may come, and for that there is no sign to wait for.
        await asyncio.sleep(0.5)
        after = await ann.write_post("and still here")
        await bob.sees(after)
        seen = await events_after(http, network.relay, start)
        assert [(type(each).__name__, each.did) for each in seen] == [("CommitEvent", ann.did)]
        assert (await bob.profile(ann))["postsCount"] == 2
        listed = await relay.get("com.atproto.sync.listHosts", limit=1000)
        assert {f"localhost:{port}" for port, _ in hosts} <= {
            each["hostname"] for each in listed["hosts"]
        }
