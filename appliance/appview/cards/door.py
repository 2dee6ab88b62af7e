"""Link cards over HTTP, as the official client asks for them.

/cards/v1/extract?url=...   JSON: error, likely_type, url, title, description, image
/cards/v1/image?url=...     the picture of such a card, encoded anew
"""

from typing import Final
from urllib.parse import urlencode

import orjson
from aiohttp import web

from appliance.appview.cards.cards import Card, Cards, NoCard, TooBusy
from appliance.appview.image_pool import UndecodableImage
from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.atproto.xrpc.limits import MINUTE, Limits, Policy, Rule
from appliance.base.clock import Clock
from appliance.base.pressure import RETRY_SECONDS, NoMemory
from appliance.settings import Settings

NAME: Final = "link cards"
PER_ADDRESS: Final = (Rule(60, 5 * MINUTE),)
KEEP: Final = "public, max-age=600"
PLAIN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


class CardDoor:
    """Answers requests for cards; so many an address may make."""

    def __init__(self, cards: Cards, url: str, settings: Settings, clock: Clock) -> None:
        """`url` is where the world reaches us, without a slash behind."""
        self._cards = cards
        self._url = url
        policy = Policy(
            enabled=settings.limits.enabled,
            per_address={NAME: PER_ADDRESS},
            trusted_proxies=settings.network.trusted_proxies,
            bypass_addresses=settings.limits.bypass_addresses,
        )
        self._limits = Limits(clock.now, policy)

    def add_to(self, app: web.Application) -> None:
        """Mount the door."""
        app.router.add_get("/cards/v1/extract", self.extract)
        app.router.add_get("/cards/v1/image", self.image)

    async def extract(self, request: web.Request) -> web.Response:
        """Answer with a card, or with the reason why there is none."""
        url = request.query.get("url", "")
        try:
            self._limits.check_request(NAME, request)
            card = await self._cards.card(url)
        except NoCard as problem:
            return self._told(url, status=200, error=str(problem))
        except RateLimitExceeded:
            return self._told(url, status=429, error="too many links at once")
        except TooBusy as problem:
            return self._told(url, status=503, error=str(problem))
        return self._told(url, status=200, card=card)

    async def image(self, request: web.Request) -> web.Response:
        """Answer with the picture of a card."""
        try:
            self._limits.check_request(NAME, request)
            query = request.query
            made = await self._cards.picture(query.get("url", ""), query.get("seal", ""))
        except (NoCard, UndecodableImage) as problem:
            return web.Response(status=404, text=f"{problem}\n", headers=PLAIN)
        except RateLimitExceeded:
            return web.Response(status=429, text="too many at once\n", headers=PLAIN)
        except (TooBusy, NoMemory) as problem:
            later = {**PLAIN, "Retry-After": str(RETRY_SECONDS)}
            return web.Response(status=503, text=f"{problem}\n", headers=later)
        headers = {**PLAIN, "Cache-Control": KEEP}
        return web.Response(body=made.body, content_type=made.mime_type, headers=headers)

    def _told(
        self, asked: str, *, status: int, card: Card | None = None, error: str = ""
    ) -> web.Response:
        """Write a card in the form the client reads."""
        picture = card.told.picture if card else ""
        sealed = urlencode({"url": picture, "seal": self._cards.seal(picture)})
        value = {
            "error": error,
            "likely_type": card.kind if card else "",
            "url": card.url if card else asked[:2048],
            "title": card.told.title if card else "",
            "description": card.told.description if card else "",
            "image": f"{self._url}/cards/v1/image?{sealed}" if picture else "",
        }
        headers = {**PLAIN, "Cache-Control": KEEP if card else "no-store"}
        return web.Response(
            status=status,
            body=orjson.dumps(value),
            content_type="application/json",
            headers=headers,
        )
