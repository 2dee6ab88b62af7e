"""What goes between two paired houses, and where no door is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.base.addresses import OutboundFailed, OutboundPolicy, OutboundRefused
from appliance.base.http import HttpClient
from appliance.neighbours.gates import Gates
from appliance.neighbours.passing import PASSED, STREAM
from tests.neighbours.test_introductions import pair
from tests.support.street import HERE, Home, home
from tests.support.waiting import until

JONES = "http://jones.home:2580"


@dataclass
class FarPds:
    """The PDS of the other house, as far as it matters: it says what it was asked."""

    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    listeners: list[web.WebSocketResponse] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith(("getStatus", "listRepos")) and "did" not in request.query:
            # What the two houses ask each other by themselves.
            return web.json_response({"counts": {"seq": 5}, "repos": []})
        self.asked.append(request.path_qs)
        self.headers.append(dict(request.headers))
        if not request.path.endswith(STREAM):
            return web.Response(body=b"blob", content_type="image/png", headers={"ETag": '"x"'})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.listeners.append(socket)
        await socket.send_bytes(b"frame")
        async for _ in socket:
            break
        return socket


@pytest.fixture
async def far(smiths: Home, jones: Home) -> AsyncIterator[FarPds]:
    """Pair the two houses, and open the PDS of the other."""
    await pair(smiths, jones)
    pds = FarPds()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", pds.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, jones.settings.paths.socket("pds")).start()
    await until(smiths.settings.paths.gate(JONES).exists)
    pds.asked.clear()
    yield pds
    await runner.cleanup()


@pytest.fixture
async def inside(smiths: Home) -> AsyncIterator[aiohttp.ClientSession]:
    """One of our own roles at the door."""
    connector = aiohttp.UnixConnector(str(smiths.settings.paths.gate(JONES)))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield session


async def test_through_the_door_goes_what_a_pds_tells_anybody(
    far: FarPds, inside: aiohttp.ClientSession
) -> None:
    for nsid in PASSED - {STREAM}:
        secret = {"Authorization": "Bearer secret", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4"}
        async with inside.get(f"/xrpc/{nsid}?did=did:plc:x&cid=y", headers=secret) as answer:
            assert (answer.status, await answer.read()) == (200, b"blob")
            assert (answer.content_type, answer.headers["ETag"]) == ("image/png", '"x"')
        assert f"/xrpc/{nsid}?did=did:plc:x&cid=y" in far.asked
    for headers in far.headers:
        assert not {"Authorization", "Cookie", "X-Forwarded-For"} & headers.keys()


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/xrpc/com.atproto.server.getSession", 501),
        ("GET", "/xrpc/app.bsky.feed.getTimeline", 501),
        ("GET", "/xrpc/internal.hearth.upkeep.getStatus", 501),
        ("POST", "/xrpc/com.atproto.repo.createRecord", 405),
        ("POST", "/xrpc/com.atproto.sync.getBlob", 405),
        ("GET", "/.well-known/oauth-authorization-server", 404),
        ("GET", "/account", 404),
        ("GET", "/xrpc/com.atproto.sync.getBlob/../../account", 404),
        ("GET", "/xrpc/com.atproto.sync.getBlob%2F..%2F..%2Faccount", 501),
    ],
)
async def test_and_nothing_else(
    far: FarPds, inside: aiohttp.ClientSession, verb: str, path: str, status: int
) -> None:
    asked = len(far.asked)
    async with inside.request(verb, path) as answer:
        assert answer.status == status
    assert len(far.asked) == asked


async def test_a_stream_comes_through_and_ends_on_both_sides_when_one_ends(
    far: FarPds, inside: aiohttp.ClientSession
) -> None:
    async with inside.ws_connect(f"/xrpc/{STREAM}?cursor=7&secret=1") as stream:
        assert (await stream.receive_bytes(timeout=60)) == b"frame"
        assert f"/xrpc/{STREAM}?cursor=7" in far.asked
        await far.listeners[-1].send_bytes(b"more")
        assert (await stream.receive_bytes(timeout=60)) == b"more"
    await until(lambda: far.listeners[-1].closed)
    async with inside.ws_connect(f"/xrpc/{STREAM}") as stream:
        await stream.receive_bytes(timeout=60)
        await far.listeners[-1].close()
        assert (await stream.receive(timeout=60)).type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
        )


async def test_what_leads_through_the_door_leads_nowhere_without_it(
    far: FarPds, smiths: Home, jones: Home
) -> None:
    """The client that everybody uses reaches no paired house: not its PDS, not its port."""
    asked = len(far.asked)
    async with HttpClient.open(OutboundPolicy()) as http:
        for url in (JONES, f"https://{HERE}:{jones.port}/hello", "http://10.0.0.7:2580"):
            with pytest.raises(OutboundRefused):
                await http.get_json(url)
    assert len(far.asked) == asked
    for other in ("https://bsky.social", "http://jones.home:2581", JONES + "/"):
        assert smiths.settings.paths.door(other) is None


async def test_a_line_reaches_one_address_and_one_key(smiths: Home, jones: Home) -> None:
    await pair(smiths, jones)
    line = await smiths.role.company._tools.lines.to(jones.key, HERE, jones.port)
    assert await line.ask("/hello")
    with pytest.raises(OutboundFailed):
        await line.http.get_json("https://192.168.1.1/")
    with pytest.raises(OutboundFailed):
        await line.http.get_json(f"https://localhost:{jones.port}/hello")
    # Another house at that address: its certificate is not the one that is known.
    wrong = await smiths.role.company._tools.lines.to(jones.key, HERE, smiths.port)
    with pytest.raises(OutboundFailed):
        await wrong.ask("/hello")


async def test_a_house_that_goes_by_a_public_name_gets_no_door(tmp_path: Path) -> None:
    async with (
        home(tmp_path, "smiths") as smiths,
        home(tmp_path, "jones", pds__public_url="https://bsky.social") as jones,
    ):
        await pair(smiths, jones)
        await until(lambda: smiths.role.company.contact(jones.key).here)
        assert smiths.settings.paths.door("https://bsky.social") is None


async def test_a_house_that_was_unpaired_a_moment_ago_gets_no_door(
    far: FarPds, smiths: Home, jones: Home
) -> None:
    """What was begun while it was paired may end after."""
    company = smiths.role.company
    house = smiths.role.store.named(jones.key)
    # As whoever unpairs does; else what the other house still says of the course pairs it anew.
    smiths.role.introductions.pairings.forget(jones.key)
    await smiths.role.store.remove(jones.key)
    await company._see(house)
    await company.take_in(jones.key)
    assert smiths.settings.paths.door(JONES) is None


async def test_a_door_that_was_opening_when_all_ended_is_closed_with_the_others(
    far: FarPds, smiths: Home, jones: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, path = smiths.role.company._tools, smiths.settings.paths.gate(JONES)

    async def nothing(_key: str) -> None:
        """The house itself opens the door no more, which stands at the same place."""

    monkeypatch.setattr(tools.gates, "open", nothing)
    await tools.gates.close(jones.key)
    gates = Gates(smiths.settings.paths, tools.lines, tools.store, tools.clock.now_us)
    opening = asyncio.ensure_future(gates.open(jones.key))
    async with asyncio.timeout(60):
        while not path.exists():  # noqa: ASYNC110
            await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await gates.close_all()
    assert not path.exists()
