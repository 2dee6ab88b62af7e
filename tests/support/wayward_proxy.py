"""A reverse proxy with TLS, as stands before many servers; each of its habits can be a bad one."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

_HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "upgrade", "host"))


@dataclass
class Habits:
    """How it behaves; each of these is well by default.

    `hops`: how many addresses it adds to X-Forwarded-For, as that many proxies in a row would.
    """

    keeps_host: bool = True
    upgrades: bool = True
    hops: int = 1
    tells_scheme: bool = True
    most_bytes: int = 300_000_000
    answers: int = 0


class WaywardProxy:
    """Passes requests on to a UNIX socket."""

    def __init__(self, socket: str) -> None:
        self.habits = Habits()
        self.port = 0
        self._socket = socket

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        habits = self.habits
        if habits.answers:
            return web.Response(status=habits.answers, text="a page of the proxy")
        if int(request.headers.get("Content-Length", 0)) > habits.most_bytes:
            return web.Response(status=413)
        wants_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if wants_socket and habits.upgrades:
            return await self._join(request)
        url = f"http://localhost{request.path_qs}"
        body = request.content if request.can_read_body else None
        async with self._session.request(
            request.method, url, headers=self._headers(request), data=body
        ) as answer:
            kept = {
                name: text
                for name, text in answer.headers.items()
                if name.lower() not in (*_HOP_BY_HOP, "content-length")
            }
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    def _headers(self, request: web.Request) -> dict[str, str]:
        sent = {
            name: text for name, text in request.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        sent["Host"] = request.host if self.habits.keeps_host else "127.0.0.1:2580"
        chain = [sent.pop("X-Forwarded-For", "")] + ["198.51.100.7"] * self.habits.hops
        if any(chain):
            sent["X-Forwarded-For"] = ", ".join(one for one in chain if one)
        sent.pop("X-Forwarded-Proto", None)
        if self.habits.tells_scheme:
            sent["X-Forwarded-Proto"] = "https"
        return sent

    async def _join(self, request: web.Request) -> web.StreamResponse:
        """Take one message there and one back, which is all that the mirror needs."""
        outer = web.WebSocketResponse()
        await outer.prepare(request)
        headers = {
            name: text
            for name, text in self._headers(request).items()
            if not name.lower().startswith("sec-websocket")
        }
        url = f"http://localhost{request.path_qs}"
        async with self._session.ws_connect(url, headers=headers) as inner:
            await inner.send_str((await outer.receive()).data)
            await outer.send_str((await inner.receive()).data)
        await outer.close()
        return outer

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
        """Listen on its port, a free one the first time."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(app, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        async with aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(self._socket), auto_decompress=False
        ) as self._session:
            site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=tls, reuse_address=True)
            await site.start()
            self.port = runner.addresses[0][1]
            try:
                yield
            finally:
                await runner.cleanup()
