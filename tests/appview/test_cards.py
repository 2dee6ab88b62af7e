"""Link cards: what a page says of itself, and where we do not go to ask."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from appliance.appview.cards import cards as limits
from appliance.appview.cards.cards import Cards, NoCard, TooBusy
from appliance.appview.cards.door import CardDoor
from appliance.appview.cards.page import PageTold, is_web_address, read_page
from appliance.appview.image_pool import ImagePool
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.settings import defaults
from tests.support.appview_house import AppViewHouse
from tests.support.clock import FakeClock

URL = "https://news.example/a/page"
PAGE = b"""<!doctype html><html><head><meta charset=utf-8><title>Plain &amp; simple</title>
<meta property="og:title" content="A  title
 on lines"><meta name="description" content="What it is.">
<meta property="og:image" content="/p.png">
</head><body><meta property="og:description" content="not this"></body>"""


class Site:
    """A web site on loopback, and the means to make cards of it."""

    def __init__(self, cards: Cards, door: "TestClient[Any, Any]", clock: FakeClock) -> None:
        self.cards = cards
        self.door = door
        self.clock = clock
        self.url = ""
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        await self.gate.wait()
        if request.path == "/p.png":
            body = BytesIO()
            Image.new("RGB", (2000, 10), "red").save(body, "PNG")
            return web.Response(body=body.getvalue(), content_type="image/png")
        if request.path == "/away":
            raise web.HTTPFound("/page")
        if request.path == "/inside":
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
        if request.path == "/gone":
            raise web.HTTPNotFound
        if request.path == "/text":
            return web.Response(text="words", content_type="text/plain")
        if request.path == "/fake.png":
            return web.Response(body=b"<svg onload=alert(1)>", content_type="image/svg+xml")
        if request.path == "/endless":
            response = web.StreamResponse(headers={"Content-Type": "text/html"})
            await response.prepare(request)
            await response.write(b"<title>Endless</title>")
            while True:
                await response.write(b"<p>" * 20_000)
        return web.Response(body=PAGE, content_type="text/html")

    async def extract(self, url: str) -> dict[str, Any]:
        async with self.door.get("/cards/v1/extract", params={"url": url}) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            value: dict[str, Any] = await answer.json()
            return value


@asynccontextmanager
async def _open_site(folder: Path, **values: Any) -> AsyncIterator[Site]:
    clock = FakeClock()
    settings = defaults("dev", folder).with_values(values)
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        ImagePool.open(1) as pool,
    ):
        cards = Cards(http, pool, clock.now)
        app = web.Application()
        CardDoor(cards, "https://view.example", settings, clock).add_to(app)
        async with TestClient(TestServer(app)) as door:
            site = Site(cards, door, clock)
            pages = web.Application()
            pages.router.add_get("/{path:.*}", site.answer)
            async with TestServer(pages, host="localhost") as server:
                site.url = f"http://localhost:{server.port}"
                yield site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with _open_site(tmp_path) as opened:
        yield opened


async def test_a_page_becomes_a_card_with_its_picture_from_us(site: Site) -> None:
    card = await site.extract(f"{site.url}/page")
    image = card.pop("image")
    assert card == {
        "error": "",
        "likely_type": "html",
        "url": f"{site.url}/page",
        "title": "A title on lines",
        "description": "What it is.",
    }
    assert image.startswith("https://view.example/cards/v1/image?")
    async with site.door.get(image.removeprefix("https://view.example")) as answer:
        assert (answer.status, answer.content_type) == (200, "image/jpeg")
        with Image.open(BytesIO(await answer.read())) as made:
            assert made.size == (1200, 6)


async def test_redirects_are_followed_but_never_inside(site: Site) -> None:
    assert (await site.extract(f"{site.url}/away"))["url"] == f"{site.url}/page"
    refused = await site.extract(f"{site.url}/inside")
    assert (refused["error"], refused["title"]) == ("this address is not looked at", "")


async def test_what_is_no_page_is_told_apart(site: Site) -> None:
    assert (await site.extract(f"{site.url}/p.png"))["likely_type"] == "image"
    other = await site.extract(f"{site.url}/text")
    assert (other["likely_type"], other["error"], other["image"]) == ("other", "", "")
    assert "404" in (await site.extract(f"{site.url}/gone"))["error"]
    nobody = await site.extract("http://localhost:1/")
    assert nobody["error"] == "the page gives no answer"


async def test_a_page_without_end_is_read_no_further_than_its_head(site: Site) -> None:
    assert (await site.extract(f"{site.url}/endless"))["title"] == "Endless"


async def test_a_card_is_made_once_and_a_failure_is_remembered_for_less_long(site: Site) -> None:
    for _ in range(3):
        await asyncio.gather(*(site.extract(f"{site.url}/page") for _ in range(3)))
        await site.extract(f"{site.url}/gone")
    assert sorted(site.asked) == ["/gone", "/page"]
    site.clock.advance(limits.FAILED_SECONDS + 1)
    await site.extract(f"{site.url}/gone")
    await site.extract(f"{site.url}/page")
    assert sorted(site.asked) == ["/gone", "/gone", "/page"]


async def test_pictures_are_fetched_for_cards_alone(site: Site) -> None:
    url = f"{site.url}/p.png"
    for seal in ("", "0" * 64, site.cards.seal(f"{url}x")):
        params = {"url": url, "seal": seal}
        async with site.door.get("/cards/v1/image", params=params) as answer:
            assert answer.status == 404
    assert site.asked == []
    fake = f"{site.url}/fake.png"
    params = {"url": fake, "seal": site.cards.seal(fake)}
    async with site.door.get("/cards/v1/image", params=params) as answer:
        assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_too_many_at_once_are_sent_away(site: Site) -> None:
    site.gate.clear()
    waiting = [
        asyncio.ensure_future(site.cards.card(f"{site.url}/{n}"))
        for n in range(limits.MOST_WAITING)
    ]
    await asyncio.sleep(0.05)
    with pytest.raises(TooBusy):
        await site.cards.card(f"{site.url}/one-more")
    site.gate.set()
    await asyncio.gather(*waiting)


async def test_an_address_asks_for_so_many_cards_and_no_more(tmp_path: Path) -> None:
    async with _open_site(tmp_path, **{"limits.enabled": True}) as site:
        answers = [await site.extract("nonsense") for _ in range(61)]
        assert answers[59]["error"] == "this is no address of a page"
        assert answers[60]["error"] == "too many links at once"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:2583/",
        "http://[::1]/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://224.0.0.1/",
        "http://news.example/",
        "https://news.example:22/",
        "https://user:secret@news.example/",
        "unix:/run/pds.sock",
        "file:///etc/passwd",
        "ftp://news.example/",
        "javascript:alert(1)",
        "//news.example/",
        "https://",
        "",
        "https://news.example/\r\nX: y",
        "https://" + "a" * 3000,
    ],
)
async def test_no_card_is_made_of_what_is_inside(house: AppViewHouse, url: str) -> None:
    async with house.client.get("/cards/v1/extract", params={"url": url}) as answer:
        card = await answer.json()
    assert card["error"] in ("this address is not looked at", "this is no address of a page")
    assert (card["title"], card["image"]) == ("", "")
    seal = house.role.cards.seal(url)
    async with house.client.get("/cards/v1/image", params={"url": url, "seal": seal}) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", PageTold()),
        (b"\xff\xfe\x00" * 50, PageTold()),
        (b"<title>One</title><title>Two</title>", PageTold("One")),
        (b"<title>a\x00\x1b[31m\xe2\x80\xaeb</title>", PageTold("a [31m b")),
        (b"<title>" + b"x" * 5000, PageTold("x" * 299 + "\u2026")),
        (b"<meta property=og:title content=''><title>T</title>", PageTold("T")),
        (b"<title>T<meta property=og:image content=javascript:x>", None),
        (b"<meta property=og:image content='javascript:x'>", PageTold()),
        (
            b"<meta property=og:image content='//cdn.example/i'>",
            PageTold("", "", "https://cdn.example/i"),
        ),
        (b"<meta property=og:image content='https://a:b@cdn.example/i'>", PageTold()),
        (b"<meta property=og:image content='http://[bad'>", PageTold()),
        (b"<meta name=twitter:title content=X><body><title>Y", PageTold("X")),
        (b"<meta content='a > b &lt; c' name='description'>", PageTold("", "a > b < c")),
        (b'<META NAME="og:title"\n CONTENT = "It\'s" />', PageTold("It's")),
        (
            b"<title lang=en>T</title><meta property='og:image' content='i?a=1&amp;b=2'>",
            PageTold("T", "", "https://news.example/a/i?a=1&b=2"),
        ),
        ("<title>Grüße</title>".encode("latin-1"), None),
        (b"<![" * 1000, None),
        (b"<meta " * 10_000, None),
        (b"<!DOCTYPE " + b"[" * 5000, None),
    ],
)
def test_the_head_of_a_page_is_read_whatever_is_in_it(body: bytes, told: PageTold | None) -> None:
    found = read_page(body, None, URL)
    assert told in (None, found)
    assert len(found.title) <= 300
    assert len(found.description) <= 1000
    assert found.picture == "" or is_web_address(found.picture)


@pytest.mark.parametrize(
    "part",
    [
        "<meta ",
        '<meta "',
        "<meta a=",
        "<meta a='>",
        '<meta content="x" ',
        "<title ",
        "<title>&amp",
        "<!--",
        "<![CDATA[",
        "<",
        "&#x",
        " property=",
        "a",
        "\"'",
    ],
)
def test_no_page_takes_long_to_read(part: str) -> None:
    for front in ("", "<meta ", "<title>", '<meta content="'):
        body = (front + part * (limits.PAGE_BYTES // len(part))).encode()
        started = time.process_time()
        read_page(body, None, URL)
        assert time.process_time() - started < 2


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "no-such", "base64", "", None])
def test_charsets_are_those_of_text(charset: str | None) -> None:
    body = "<meta charset='iso-8859-1'><title>Grüße</title>".encode("latin-1")
    assert read_page(body, charset, URL).title == "Grüße"


async def test_a_seal_is_for_one_address(site: Site) -> None:
    assert len(site.cards.seal("a")) == 64
    assert site.cards.seal("a") != site.cards.seal("b")


async def test_errors_say_why(site: Site) -> None:
    with pytest.raises(NoCard, match="no address"):
        await site.cards.card("mailto:ann@news.example")
