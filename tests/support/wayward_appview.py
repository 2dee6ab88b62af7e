"""An AppView of somebody else, on this machine: it answers well, or in one of the ways in which
servers fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import web

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import plc
from appliance.atproto.syntax import Did

SERVICE: Final = "bsky_appview"
SLOW_SECONDS: Final = 20.0
PAGE: Final = b'{"feed":[],"there":true}'
HTML: Final = b"<!doctype html><title>Bad gateway</title><h1>Somebody else's trouble</h1>"
_JSON: Final = {"Content-Type": "application/json"}


class WaywardAppView:
    """`mode` says how it answers: one of `MODES`, of which "refused" is nobody at its port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mode = "well"
        self.asked: Counter[str] = Counter()
        self.at_work = 0
        self.most_at_work = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def switch(self, mode: str) -> None:
        """From now on, answer so."""
        assert mode in MODES
        self.mode = mode
        if mode == "refused":
            await self.close()
        elif self._runner is None:
            await self.listen()

    async def listen(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/xrpc/{nsid}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def register(self, http: aiohttp.ClientSession, directory: str) -> str:
        """Enter it in a directory; give its name, as a member chooses it."""
        key = PrivateKey.generate()
        operation = plc.genesis_operation(
            rotation_keys=[key.public.did_key],
            signing_key=key.public.did_key,
            handle="views.example.com",
            pds_url="https://pds.example.com",
        )
        operation["services"][SERVICE] = {"type": "Service", "endpoint": self.url}
        signed = plc.sign_operation(operation, key)
        did: Did = plc.did_for(signed)
        async with http.post(f"{directory}/{did}", json=signed) as answer:
            assert answer.status == 200, await answer.text()
        return f"{did}#{SERVICE}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.match_info["nsid"]] += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            return await _MODES[self.mode](request)
        finally:
            self.at_work -= 1


async def _well(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=PAGE, headers=_JSON)


async def _silent(_request: web.Request) -> web.StreamResponse:
    """Say nothing until whoever asked has gone."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def _slow(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(SLOW_SECONDS)
    return await _well(request)


async def _broken(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": "InternalServerError", "message": "oh"}, status=500)


async def _html(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=HTML, content_type="text/html")


async def _gateway(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, body=HTML, content_type="text/html")


async def _half(request: web.Request) -> web.StreamResponse:
    response = await _begun(request)
    assert request.transport is not None
    request.transport.close()
    return response


async def _stalled(request: web.Request) -> web.StreamResponse:
    await _begun(request)
    return await _silent(request)


async def _begun(request: web.Request) -> web.StreamResponse:
    """Send the head of an answer and half of its body."""
    response = web.StreamResponse(headers={**_JSON, "Content-Length": str(len(PAGE))})
    await response.prepare(request)
    await response.write(PAGE[: len(PAGE) // 2])
    return response


_MODES: Final[dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = {
    "well": _well,
    "silent": _silent,
    "slow": _slow,
    "500": _broken,
    "html": _html,
    "503 in html": _gateway,
    "half": _half,
    "stalled half": _stalled,
}
MODES: Final = (*_MODES, "refused")


@asynccontextmanager
async def wayward_appview(port: int) -> AsyncIterator[WaywardAppView]:
    appview = WaywardAppView(port)
    await appview.listen()
    try:
        yield appview
    finally:
        await appview.close()
