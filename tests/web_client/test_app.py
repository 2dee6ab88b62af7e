"""A client of our own making, served: pages, files, stand-ins, reads of the signed-out."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.settings import Settings, defaults
from appliance.web_client.app import build_app
from appliance.web_client.role import open_web_client
from tests.support.waiting import PATIENCE_SECONDS

PAGE = (
    "<!doctype html><head><title>t</title></head><script>here()</script>"
    '<script src="static/js/main.0123abcd.js"></script>'
)
SCRIPT = (
    'ask("https://public.api.bsky.app");sign("https://bsky.social");'
    'report("did:plc:ar7c4by46qjdydhdevvrndac");' + "//x" * 1000
)


PACKS = {"street": "Our street & <all> its 雨 people, who are many and live here", "odd": ["x"]}


@dataclass
class Beside:
    """The PDS and the AppView beside the client, as far as it asks them."""

    account: str = ""
    asked: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        if request.match_info["nsid"] == "com.atproto.identity.resolveHandle":
            if not self.account:
                return web.json_response({"error": "InvalidRequest"}, status=400)
            return web.json_response({"did": self.account})
        if request.query.get("collection") == "app.bsky.graph.starterpack":
            name = PACKS.get(request.query["rkey"])
            if name is None:
                return web.json_response({"error": "RecordNotFound"}, status=400)
            return web.json_response({"value": {"name": name}})
        self.asked.append(request)
        return web.json_response({"nsid": request.match_info["nsid"]})


@dataclass
class House:
    """The client, as browsers reach it."""

    browser: TestClient[web.Request, web.Application]
    beside: Beside

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.browser.get(path, headers=named, allow_redirects=False) as answer:
            return answer.status, await answer.text(), dict(answer.headers)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "export"
    (folder / "static" / "js").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "favicon.ico").write_bytes(b"icon")
    (folder / "static" / "js" / "main.0123abcd.js").write_text(SCRIPT)
    (folder / "static" / "font.0123abcdef.woff2").write_bytes(b"0123456789")
    (tmp_path / "secret").write_text("secret")
    values = {"client.folder": str(folder), "client.public_url": "http://app.smith.home"}
    pds = {"pds.hostname": "smith.home", "network.name": "The Smiths"}
    return defaults("home", tmp_path / "data").with_values({**values, **pds})


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    beside = Beside()
    async for opened in opened_house(settings, beside):
        yield opened


async def opened_house(settings: Settings, beside: Beside) -> AsyncIterator[House]:
    settings.paths.run.mkdir(parents=True)
    app = web.Application()
    app.router.add_route("*", "/xrpc/{nsid}", beside.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for role in ("pds", "appview"):
        await web.UnixSite(runner, settings.paths.socket(role)).start()
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=False)) as http,
        Workers() as workers,
        open_web_client(settings, http, workers) as client,
        TestClient(TestServer(build_app(client, settings))) as browser,
    ):
        yield House(browser, beside)
    await runner.cleanup()


async def test_every_address_of_the_client_begins_with_its_page(house: House) -> None:
    for path in (
        "/",
        "/profile/ann.smith.home",
        "/profile/ann.smith.home/post/3abc",
        "/search",
    ):
        status, text, headers = await house.get(path)
        assert status == 200
        assert '<head><base href="/"><title>' in text
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Cache-Control"] == "no-cache"


async def test_a_file_that_is_not_there_is_no_page(house: House) -> None:
    for path in ("/static/js/gone.js", "/robots.txt", "/.well-known/did.json", "/static/"):
        assert (await house.get(path))[0] == 404


async def test_scripts_name_our_addresses_and_come_packed(house: House) -> None:
    status, text, headers = await house.get("/static/js/main.0123abcd.js", accept_encoding="gzip")
    assert status == 200
    assert headers["Content-Encoding"] == "gzip"
    assert text.startswith('ask("http://app.smith.home");sign("https://smith.home");')
    tag = headers["Etag"]
    known = {"accept_encoding": "gzip", "if_none_match": tag}
    assert (await house.get("/static/js/main.0123abcd.js", **known))[0] == 304


async def test_what_has_its_hash_in_its_name_is_kept_for_ever_and_read_in_parts(
    house: House,
) -> None:
    status, text, headers = await house.get("/static/font.0123abcdef.woff2", range="bytes=2-4")
    assert (status, text) == (206, "234")
    assert headers["Content-Range"] == "bytes 2-4/10"
    assert "immutable" in headers["Cache-Control"]
    assert headers["Content-Type"] == "font/woff2"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../secret",
        "/static/%2e%2e/%2e%2e/secret",
        "/static/..%2f..%2fsecret",
        "/static/js//../../../secret",
        "/static/%00",
        "/static/js/main.0123abcd.js.gz",
        "/../secret",
        "/..%5csecret",
    ],
)
async def test_no_path_leads_out(house: House, path: str) -> None:
    reader, writer = await asyncio.open_connection(house.browser.host, house.browser.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert b"secret" not in answer.partition(b"\r\n\r\n")[2]
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400", b"HTTP/1.1 200"))


async def test_a_page_runs_its_own_scripts_and_talks_to_us_alone(house: House) -> None:
    policy = (await house.get("/"))[2]["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    known = b64encode(sha256(b"here()").digest()).decode()
    assert f"'sha256-{known}'" in rules["script-src"]
    assert "unsafe-inline" not in rules["script-src"]
    assert rules["connect-src"] == ("'self' http://app.smith.home https://smith.home data: blob:")
    assert rules["frame-ancestors"] == "'none'"


async def test_reads_go_to_the_appview_without_credentials(house: House) -> None:
    asked = house.beside.asked
    for nsid in ("_health", "app.bsky.actor.getProfiles", "com.atproto.repo.getRecord"):
        status, text, headers = await house.get(
            f"/xrpc/{nsid}?a=1&a=2", authorization="Bearer x", cookie="y=z"
        )
        assert (status, text) == (200, f'{{"nsid": "{nsid}"}}')
        assert headers["Access-Control-Allow-Origin"] == "*"
    assert [request.query_string for request in asked] == ["a=1&a=2"] * 3
    for request in asked:
        assert not {"Authorization", "Cookie"} & set(request.headers)


async def test_nothing_else_is_passed_on(house: House) -> None:
    asked = house.beside.asked
    for nsid in ("internal.hearth.appview.rebuildIndex", "com.atproto.server.createSession", ""):
        assert (await house.get(f"/xrpc/{nsid}"))[0] == 501
    async with house.browser.post("/xrpc/app.bsky.actor.putPreferences", json={}) as answer:
        assert answer.status == 400
    assert asked == []


async def test_services_that_are_not_here_are_answered_for(house: House) -> None:
    assert (await house.get("/-/location/geolocation"))[1] == '{"countryCode":"ZZ","regionCode":""}'
    assert (await house.get("/-/live-events/config"))[1] == '{"feeds":[]}'
    assert (await house.get("/-/video/xrpc/app.bsky.video.uploadVideo"))[0] == 404
    async with house.browser.post("/-/links/link", json={"path": "/start/a/b"}) as answer:
        assert await answer.json() == {"url": "http://app.smith.home/start/a/b"}
    async with house.browser.post("/-/links/link", data=b"[" * 70_000) as answer:
        assert answer.status == 404


async def test_ways_out_are_open_to_those_who_come_from_here(house: House) -> None:
    out = "/-/links/redirect?u=https%3A%2F%2Fclocks.example%2F%3Fa%3D1%26b"
    status, _, headers = await house.get(out, Sec_Fetch_Site="same-origin")
    assert (status, headers["Location"]) == (302, "https://clocks.example/?a=1&b")
    status, text, headers = await house.get(out, Sec_Fetch_Site="cross-site")
    assert status == 200
    assert 'href="https://clocks.example/?a=1&amp;b"' in text
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    for bad in ("javascript:alert(1)", "//clocks.example", "https:/x", "https://a%0d%0ab"):
        assert (await house.get(f"/-/links/redirect?u={bad}"))[0] == 404


async def test_reports_go_to_the_networks_account_as_soon_as_there_is_one(house: House) -> None:
    script = "/static/js/main.0123abcd.js"
    assert "did:plc:ar7c4by46qjdydhdevvrndac" in (await house.get(script))[1]
    house.beside.account = "did:plc:network"

    async with asyncio.timeout(PATIENCE_SECONDS):
        while "did:plc:network" not in (await house.get(script))[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_without_an_export_it_says_so_and_stops_nothing(settings: Settings) -> None:
    settings = settings.with_values({"client.folder": "/nowhere/at/all"})
    async for house in opened_house(settings, Beside()):
        status, text, _ = await house.get("/")
        assert status == 503
        assert "client.folder" in text
        assert (await house.get("/xrpc/_health"))[0] == 200


async def test_a_starter_pack_has_a_picture_with_its_name(house: House) -> None:
    status, text, headers = await house.get("/-/pack-cards/start/did:plc:ann/street")
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    drawing = ElementTree.fromstring(text)  # noqa: S314
    shown = [line.text or "" for line in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert shown[0] == "The Smiths"
    assert " ".join(shown[1:]) == PACKS["street"]
    assert max(map(len, shown)) <= 26


async def test_a_pack_without_a_proper_name_has_a_picture_all_the_same(house: House) -> None:
    status, text, _ = await house.get("/-/pack-cards/start/did:plc:ann/odd")
    assert status == 200
    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314


@pytest.mark.parametrize(
    "path",
    ["start/did:plc:ann/none", "start/ann.smith.home/street", "start/did:plc:ann/a%20b", "x", ""],
)
async def test_what_is_no_starter_pack_has_none(house: House, path: str) -> None:
    assert (await house.get(f"/-/pack-cards/{path}"))[0] == 404
