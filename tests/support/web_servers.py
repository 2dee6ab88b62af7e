"""Web servers of others before Hearth, with the text of `docs/reverse-proxy.md`."""

import contextlib
import re
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from appliance.atproto.xrpc.limits import client_address
from appliance.base.browsers import is_https
from tests.support.appliance import ROOT
from tests.support.ending import end

NAME = "social.example.org"
MEMBER = f"ann.{NAME}"
PROXIES = 1
BODY_BYTES = 300_000_000
PIECE = bytes(1_000_000)
SECONDS_TO_START = 120.0


def text_for(kind: str) -> str:
    """Give what the documentation says to write into its file."""
    docs = (ROOT / "docs" / "reverse-proxy.md").read_text("utf-8")
    [text] = re.findall(rf"```{kind}\n(.*?)```", docs, re.DOTALL)
    return str(text)


@contextmanager
def running(
    command: list[str], folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a web server until somebody listens at this port; end it."""
    log = folder / "log"
    known = {"HOME": str(folder), "PATH": "/usr/bin:/bin", **(environment or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=known)  # noqa: S603
    try:
        latest = time.monotonic() + SECONDS_TO_START
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < latest, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        end(process)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


@asynccontextmanager
async def server(port: int) -> AsyncIterator[None]:
    """What reads a request as Hearth does, with one proxy before it."""

    async def check(request: web.Request) -> web.Response:
        known = request.query["domain"] in (NAME, MEMBER)
        return web.Response(status=200 if known else 404)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            line = web.WebSocketResponse()
            await line.prepare(request)
            await line.send_str(await line.receive_str(timeout=60))
            await line.close()
            return line
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        seen = {
            "host": request.host,
            "address": client_address(request, PROXIES),
            "https": is_https(request, PROXIES),
            "size": size,
        }
        return web.json_response(seen)

    app = web.Application()
    app.router.add_get("/tls-check", check)
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(BODY_BYTES // len(PIECE)):
        yield PIECE


async def comes_through(port: int, trusted: ssl.SSLContext | bool = False) -> None:
    """See that what is asked of the server before us comes as it was asked."""
    url = f"https://127.0.0.1:{port}/x"
    limits = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(timeout=limits) as http:
        for name in (NAME, MEMBER):
            lie = {"Host": name, "X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "http"}
            async with http.get(url, ssl=trusted, server_hostname=name, headers=lie) as answer:
                seen = await answer.json()
            assert seen == {"host": name, "address": "127.0.0.1", "https": True, "size": 0}
        async with http.post(
            url, ssl=trusted, server_hostname=NAME, headers={"Host": NAME}, data=_pieces()
        ) as answer:
            assert (await answer.json())["size"] == BODY_BYTES
        async with http.ws_connect(
            url, ssl=trusted, server_hostname=NAME, headers={"Host": NAME}
        ) as line:
            await line.send_str("hello")
            assert await line.receive_str(timeout=60) == "hello"
