"""The client's application: files, pages, reads of the signed-out, stand-ins for services."""

import html
from typing import Final

import orjson
from aiohttp import web

from appliance.atproto.xrpc import answers
from appliance.base.browsers import FOR_EVER
from appliance.settings import Settings
from appliance.web_client import pack_cards, stand_ins
from appliance.web_client.addresses import STAND_INS
from appliance.web_client.edition import Asset
from appliance.web_client.policy import ALWAYS
from appliance.web_client.role import WebClient

MOST_BYTES: Final = 64 * 1024
# May be kept, but the server is asked whether it is still the same.
ASK_ALWAYS: Final = "no-cache"
ASK_HOURLY: Final = "public, max-age=3600"
NO_CLIENT: Final = (
    "The web client of this network is not here at the moment.\n"
    "The log of the server says why; see the setting client.folder.\n"
)
# A page with a link on it, and nothing else.
_BARE: Final = {**ALWAYS, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
# What is asked for by programs of a browser, not by somebody who follows a link.
_NO_PAGES: Final = (".js", ".css", ".map", ".ico", ".png", ".json", ".txt", ".xml", ".webmanifest")


def build_app(role: WebClient, _settings: Settings) -> web.Application:
    """Make the application."""
    desk = _Desk(role)
    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_route("*", "/xrpc/{nsid:.*}", desk.xrpc)
    app.router.add_get(STAND_INS + "/pack-cards/{path:.*}", desk.pack_card)
    app.router.add_route("*", STAND_INS + "/{service}/{path:.*}", desk.stand_in)
    app.router.add_get("/{path:.*}", desk.file)
    return app


class _Desk:
    """Answers requests."""

    def __init__(self, role: WebClient) -> None:
        self._role = role

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file of the export, or with the page that finds its way itself."""
        edition = self._role.shelf.edition
        if edition is None:
            return web.Response(status=503, text=NO_CLIENT, headers={"Retry-After": "60"})
        path = request.match_info["path"]
        found = edition.assets.get(path)
        if found is not None:
            return self._send(found, is_page=found is edition.front)
        first, _, rest = path.partition("/")
        is_file = first in edition.folders or (not rest and path.lower().endswith(_NO_PAGES))
        if is_file or first == ".well-known":
            return web.Response(status=404, text="Not found\n", headers=self._role.shelf.headers)
        return self._send(edition.front, is_page=True)

    def _send(self, asset: Asset, *, is_page: bool) -> web.FileResponse:
        if asset.is_kept:
            keep = FOR_EVER
        else:
            text = asset.content_type in ("text/html", "text/javascript")
            keep = ASK_ALWAYS if is_page or text else ASK_HOURLY
        kind = asset.content_type
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        headers = {"Content-Type": kind, "Cache-Control": keep, "Vary": "Accept-Encoding"}
        return web.FileResponse(asset.path, headers={**self._role.shelf.headers, **headers})

    async def xrpc(self, request: web.Request) -> web.Response:
        """Answer what the client asks before anybody has signed in."""
        if request.method == "OPTIONS":
            return answers.preflight_answer(request)
        return await self._role.reads.answer(request, request.match_info["nsid"])

    async def pack_card(self, request: web.Request) -> web.Response:
        """Answer with the picture of a starter pack."""
        card = await self._role.pack_cards.card(request.match_info["path"])
        if card is None:
            return web.Response(status=404, text="Not found\n", headers=_BARE)
        headers = {**_BARE, "Cache-Control": ASK_HOURLY}
        return web.Response(text=card, content_type=pack_cards.CONTENT_TYPE, headers=headers)

    async def stand_in(self, request: web.Request) -> web.Response:
        """Answer for a service that the client would ask elsewhere."""
        if request.method == "OPTIONS":
            return answers.preflight_answer(request)
        asked = stand_ins.Asked(
            request.match_info["path"],
            dict(request.query),
            await _json_object(request),
        )
        said = stand_ins.answer(request.match_info["service"], asked, self._role.url)
        headers = {**answers.CORS, "Cache-Control": "no-store"}
        if said.go_to:
            return _way_out(request, said.go_to)
        body = orjson.dumps(said.value)
        headers["Content-Type"] = answers.JSON
        return web.Response(status=said.status, body=body, headers=headers)


def _way_out(request: web.Request, url: str) -> web.Response:
    """Send somebody who comes from a page of ours on; let all others see where they would go."""
    headers = {**_BARE, "Cache-Control": "no-store"}
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return web.Response(status=302, headers={**headers, "Location": url})
    shown = html.escape(url)
    text = f'<!doctype html><title>{shown}</title><p><a href="{shown}">{shown}</a></p>\n'
    return web.Response(text=text, content_type="text/html", headers=headers)


async def _json_object(request: web.Request) -> dict[str, object]:
    """Read what was sent, if it is a JSON object; nothing else is of use here."""
    try:
        value = orjson.loads(await request.read())
    except (orjson.JSONDecodeError, web.HTTPRequestEntityTooLarge):
        return {}
    return value if isinstance(value, dict) else {}
