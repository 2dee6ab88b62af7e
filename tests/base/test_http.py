import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from yarl import URL

from appliance.base.http import HttpClient, OutboundFailed, OutboundPolicy, OutboundRefused

DEV = OutboundPolicy(allow_loopback=True)
STRICT = OutboundPolicy()


class Sentinel:
    """A server on loopback that counts who comes."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.server = TestServer(self._app())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.hits.append(request.path)
        self.headers.append(dict(request.headers))
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": request.query["to"]})
            case "/hops":
                left = int(request.query["left"])
                to = f"/hops?left={left - 1}" if left else "/json"
                return web.Response(status=307, headers={"Location": to})
            case "/bomb":
                packed = gzip.compress(b"\0" * 20_000_000)
                return web.Response(body=packed, headers={"Content-Encoding": "gzip"})
            case "/drip":
                return await self._drip(request)
            case "/deep":
                return web.Response(body=b"[" * 65 + b"]" * 65)
            case "/deepest":
                return web.Response(body=b"[" * 100_000)
            case "/socket":
                ws = web.WebSocketResponse()
                await ws.prepare(request)
                await ws.send_bytes(await ws.receive_bytes(timeout=60))
                await ws.close()
                return ws
            case "/echo":
                return web.Response(body=await request.read())
            case "/missing":
                return web.Response(status=404)
            case _:
                pass
        return web.json_response({"path": request.path, "query": dict(request.query)})

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response


class FakeResolver(AbstractResolver):
    """Gives one answer after the other, then the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None: ...


@pytest.fixture
async def sentinel() -> AsyncIterator[Sentinel]:
    made = Sentinel()
    async with made.server:
        yield made


@asynccontextmanager
async def dev() -> AsyncIterator[HttpClient]:
    async with HttpClient.open(DEV) as client:
        yield client


ANYWHERE = ".".join("0000")
CLOSED = [
    "127.0.0.1", "127.9.9.9", ANYWHERE, "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "169.254.169.254", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::127.0.0.1", "100::1",
]  # fmt: skip
OPEN = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", CLOSED)
def test_closed_addresses_are_refused_by_number_and_by_name(address: str) -> None:
    assert not STRICT.allows(address)
    assert not STRICT.allows_for("name.example", address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(OutboundRefused):
        STRICT.checked(f"https://{host}/")


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_allowed(address: str) -> None:
    assert STRICT.allows(address)
    host = f"[{address}]" if ":" in address else address
    assert STRICT.checked(f"https://{host}/").path == "/"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://example.com:8443/",
        "https://user:pw@example.com/",
        "https://user@example.com/",
        "https://example.com./",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://1.1.1.1./",
        "https://①②⑦.⓪.⓪.①/",
        "https://exa mple.com/",
        "https:///path",
        "https://",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "unix:/run/x.sock",
        "https://[::1",
        "https://example.com:99999/",
        "https://-a-.example.com/",
        "javascript:alert(1)",
        "",
    ],
)
def test_urls_that_are_not_plain_https_are_refused(url: str) -> None:
    with pytest.raises(OutboundRefused):
        STRICT.checked(url)


@pytest.mark.parametrize("host", ["example.com", "xn--bcher-kva.example", "a_b.example.com"])
def test_plain_names_are_allowed(host: str) -> None:
    assert STRICT.checked(f"https://{host}/x?y=z").host is not None


async def test_nothing_inside_is_ever_reached(sentinel: Sentinel) -> None:
    port = sentinel.server.port
    hosts = [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "localhost.", "127.0.0.1.", "0", ANYWHERE,
    ]  # fmt: skip
    async with HttpClient.open(STRICT) as client:
        for scheme in ("http", "https", "ws", "wss"):
            for host in hosts:
                url = f"{scheme}://{host}:{port}/"
                with pytest.raises(OutboundRefused):
                    await client.request("GET", url)
                with pytest.raises(OutboundRefused):
                    async with client.ws_connect(url):
                        pass
    assert sentinel.hits == []


async def test_the_connector_looks_at_the_very_address(
    sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutboundPolicy, "checked", lambda self, url: URL(url))
    async with HttpClient.open(STRICT) as client:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost"):
            with pytest.raises(OutboundRefused):
                await client.request("GET", f"http://{host}:{sentinel.server.port}/")
    assert sentinel.hits == []


async def test_a_name_for_an_inside_address_is_refused(sentinel: Sentinel) -> None:
    for address in ("127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"):
        async with HttpClient.open(STRICT, FakeResolver(address)) as client:
            with pytest.raises(OutboundRefused):
                await client.request("GET", "https://rebind.example/")


async def test_an_answer_that_turns_inward_is_refused_each_time() -> None:
    resolver = FakeResolver("10.0.0.1", "127.0.0.1")
    async with HttpClient.open(STRICT, resolver) as client:
        for turn in range(100):
            with pytest.raises(OutboundRefused):
                await client.request("GET", f"https://n{turn}.example/")
    assert resolver.asked == 100


async def test_loopback_is_open_in_development_and_the_lan_is_not(sentinel: Sentinel) -> None:
    async with dev() as client:
        assert (await client.get_json(sentinel.url))["path"] == "/"
        for address in ("10.0.0.1", "169.254.169.254", ANYWHERE, "[fe80::1]"):
            with pytest.raises(OutboundRefused):
                await client.request("GET", f"http://{address}/")


def test_a_paired_machine_is_reached_by_its_name_at_its_address_only() -> None:
    policy = OutboundPolicy(lan_peers={"attic.local": frozenset({"192.168.1.7"})})
    assert policy.allows_for("attic.local", "192.168.1.7")
    assert not policy.allows_for("attic.local", "192.168.1.8")
    assert not policy.allows_for("evil.example", "192.168.1.7")
    assert policy.checked("http://attic.local:2583/").port == 2583


async def test_redirects_are_followed_up_to_three_and_checked(sentinel: Sentinel) -> None:
    async with dev() as client:
        assert (await client.get_json(f"{sentinel.url}/hops?left=2"))["path"] == "/json"
        for url in (
            f"{sentinel.url}/hops?left=3",
            f"{sentinel.url}/redirect?to=http://10.0.0.1/",
            f"{sentinel.url}/redirect?to=ftp://example.com/",
            f"{sentinel.url}/redirect?to=unix:/run/x.sock",
            f"{sentinel.url}/redirect?to=http://user@127.0.0.1/",
        ):
            with pytest.raises(OutboundFailed):
                await client.request("GET", url)


async def test_a_redirect_is_given_as_it_is_when_none_is_wanted(sentinel: Sentinel) -> None:
    async with dev() as client:
        url = f"{sentinel.url}/redirect?to=/json"
        assert (await client.request("GET", url, redirects=0)).status == 302
        assert (await client.request("POST", url)).status == 302
    assert sentinel.hits == ["/redirect", "/redirect"]


async def test_secrets_do_not_follow_a_redirect_to_another_origin(sentinel: Sentinel) -> None:
    async with dev() as client:
        to = f"http://localhost:{sentinel.server.port}/json"
        headers = {"Authorization": "Bearer x", "Accept": "text/plain"}
        await client.request("GET", f"{sentinel.url}/redirect?to={to}", headers=headers)
    first, second = sentinel.headers
    assert first["Authorization"] == "Bearer x"
    assert "Authorization" not in second
    assert second["Accept"] == "text/plain"


async def test_a_websocket_follows_no_redirect(sentinel: Sentinel) -> None:
    async with dev() as client:
        with pytest.raises(OutboundFailed):
            async with client.ws_connect(f"{sentinel.url}/redirect?to=/socket"):
                pass
    assert sentinel.hits == ["/redirect"]


async def test_a_bomb_is_dropped_at_the_limit(sentinel: Sentinel) -> None:
    async with dev() as client:
        with pytest.raises(OutboundFailed, match="larger than 512000 bytes"):
            await client.request("GET", f"{sentinel.url}/bomb")


async def test_a_slow_answer_is_dropped_at_the_deadline(sentinel: Sentinel) -> None:
    started = time.monotonic()
    async with dev() as client:
        with pytest.raises(OutboundFailed, match=r"within 0\.2 s"):
            await client.request("GET", f"{sentinel.url}/drip", timeout=0.2)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("path", ["/deep", "/deepest", "/missing", "/echo"])
async def test_bad_json_is_a_failure_by_name(sentinel: Sentinel, path: str) -> None:
    async with dev() as client:
        with pytest.raises(OutboundFailed):
            await client.get_json(sentinel.url + path)


async def test_parameters_are_escaped(sentinel: Sentinel) -> None:
    async with dev() as client:
        params = [("q", "a b&c=d"), ("did", "did:web:a%3A1")]
        found = await client.get_json(sentinel.url, path="/x", params=params)
    assert found == {"path": "/x", "query": dict(params)}


async def test_a_body_streams_both_ways(sentinel: Sentinel) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"0123456789"

    async with dev() as client:
        async with client.stream("POST", f"{sentinel.url}/echo", body=parts()) as answer:
            assert await answer.read() == b"0123456789" * 10
        async with client.stream("GET", f"{sentinel.url}/bomb") as answer:
            assert len(await answer.read()) < 100_000  # as it was sent


async def test_an_error_of_the_reader_is_not_renamed(sentinel: Sentinel) -> None:
    async with dev() as client:
        with pytest.raises(ValueError, match="mine"):
            async with client.stream("GET", sentinel.url):
                raise ValueError("mine")


async def test_nobody_there_is_a_failure_by_name(unused_tcp_port: int) -> None:
    async with dev() as client:
        for url in (f"http://127.0.0.1:{unused_tcp_port}/", "http://nowhere.invalid/"):
            with pytest.raises(OutboundFailed):
                await client.request("GET", url)


async def test_our_sockets_need_their_path_apart(tmp_path: Path) -> None:
    made = Sentinel()
    runner = web.AppRunner(made._app())
    await runner.setup()
    path = tmp_path / "role.sock"
    await web.UnixSite(runner, path).start()
    try:
        async with HttpClient.open(STRICT) as client:
            assert (await client.get_json(f"unix:{path}", path="/x"))["path"] == "/x"
            async with client.ws_connect(f"unix:{path}", path="/socket") as ws:
                await ws.send_bytes(b"frame")
                assert await ws.receive_bytes(timeout=60) == b"frame"
            for url in (f"unix:{path}", f"unix:{path}/x", f"unix://{path}"):
                with pytest.raises(OutboundRefused):
                    await client.request("GET", url)
            with pytest.raises(OutboundFailed):
                await client.request("GET", f"unix:{tmp_path}/nobody.sock", path="/")
    finally:
        await runner.cleanup()
    assert made.hits == ["/x", "/socket"]


async def test_cookies_are_not_kept(sentinel: Sentinel) -> None:
    seen: list[Any] = []

    async def cookie(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        response = web.Response()
        response.set_cookie("a", "b")
        return response

    app = web.Application()
    app.router.add_get("/", cookie)
    async with TestServer(app) as server, dev() as client:
        for _ in range(2):
            await client.request("GET", str(server.make_url("/")))
    assert seen == [None, None]
