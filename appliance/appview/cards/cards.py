"""Fetch pages and pictures for link cards: through the guarded client, little, and not twice."""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp

from appliance.appview.cards.page import PageTold, is_web_address, read_page
from appliance.appview.image_pool import ImagePool, Picture
from appliance.atproto.identity.memory import Memory, SingleFlight
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused

PAGE_BYTES: Final = 512_000
PICTURE_BYTES: Final = 8_000_000
SECONDS: Final = 6.0
REDIRECTS: Final = 3
AT_ONCE: Final = 8
MOST_WAITING: Final = 64
KEPT_SECONDS: Final = 600.0
FAILED_SECONDS: Final = 60.0
MOST_KEPT: Final = 500
_PICTURE: Final[dict[str, Any]] = {
    "width": 1200,
    "height": 1200,
    "fit": "inside",
    "format": "jpeg",
    "quality": 80,
}
_PAGES: Final = ("text/html", "application/xhtml+xml")


class NoCard(Exception):
    """An address of which no card can be made; the message says why."""


class TooBusy(Exception):
    """Too many cards are being made."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a link leads to: its address after redirects, and what is said there."""

    kind: Literal["html", "image", "other"]
    url: str
    told: PageTold


class Cards:
    """Make cards, and the pictures on them; both only for http(s) addresses outside."""

    def __init__(self, http: HttpClient, pool: ImagePool, now: Callable[[], float]) -> None:
        self._http = http
        self._pool = pool
        self._kept: Memory[str, Card | NoCard] = Memory(now, MOST_KEPT)
        self._flights = SingleFlight()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        # Pictures are fetched for cards we made, not for whoever names an address.
        self._secret = secrets.token_bytes(32)

    async def card(self, url: str) -> Card:
        """Make a card, or give one made before. Raises NoCard, TooBusy."""
        if not is_web_address(url):
            raise NoCard("this is no address of a page")
        found = self._kept.fresh(url)
        if found is None:
            found = await self._flights.run(url, lambda: self._make(url))
        if isinstance(found, NoCard):
            raise NoCard(str(found))
        return found

    async def picture(self, url: str, seal: str) -> Picture:
        """Fetch the picture of a card and encode it anew.

        Raises NoCard for an address without our seal, UndecodableImage, TooBusy.
        """
        if not hmac.compare_digest(self.seal(url).encode(), seal.encode()):
            raise NoCard("this is no picture of a card")
        async with self._place(), self._answer(url, "image/*") as answer:
            if not answer.content_type.startswith("image/"):
                raise NoCard("this is no picture")
            body = await _read(answer, PICTURE_BYTES + 1)
        if len(body) > PICTURE_BYTES:
            raise NoCard("the picture is too large")
        return await self._pool.render(body, _PICTURE)

    def seal(self, url: str) -> str:
        """Say of an address that it is on a card; good until we stop."""
        return hmac.digest(self._secret, url.encode(), "sha256").hex()

    async def _make(self, url: str) -> Card | NoCard:
        try:
            async with self._place(), self._answer(url, "text/html,*/*;q=0.5") as answer:
                found: Card | NoCard = await _read_card(answer)
        except NoCard as problem:
            found = problem
        self._kept.keep(url, found, KEPT_SECONDS if isinstance(found, Card) else FAILED_SECONDS)
        return found

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for one's turn. Raises TooBusy."""
        if self._waiting >= MOST_WAITING:
            raise TooBusy("too many links are looked at; try again")
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _answer(self, url: str, accept: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for an address. Raises NoCard, whatever goes wrong."""
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._http.stream(
                    "GET",
                    url,
                    headers={"Accept": accept, "Accept-Encoding": "gzip, deflate"},
                    idle=SECONDS,
                    redirects=REDIRECTS,
                    decompress=True,
                ) as answer,
            ):
                if answer.status != 200:
                    raise NoCard(f"the page answers with status {answer.status}")
                yield answer
        except OutboundRefused:
            raise NoCard("this address is not looked at") from None
        except (OutboundFailed, TimeoutError):
            raise NoCard("the page gives no answer") from None


async def _read_card(answer: aiohttp.ClientResponse) -> Card:
    url = str(answer.url)
    kind = answer.content_type
    if kind.startswith("image/"):
        return Card("image", url, PageTold(picture=url))
    if kind not in _PAGES:
        return Card("other", url, PageTold())
    body = await _read(answer, PAGE_BYTES)
    told = await asyncio.to_thread(read_page, body, answer.charset, url)
    return Card("html", url, told)


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Read the beginning of an answer."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) >= most:
            break
    return bytes(body[:most])
