"""The web servers of `docs/reverse-proxy.md`, with the text that stands there, before a server."""

import asyncio
import contextlib
import re
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.base.browsers import address_of, is_https
from tests.support.appliance import ROOT
from tests.support.authority import Authority
from tests.support.ending import end
from tests.support.node import FOLDER
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.web_servers]

NAME = "social.example.org"
MEMBER = f"ann.{NAME}"
PROXIES = 1
BODY_BYTES = 300_000_000
PIECE = bytes(1_000_000)
SECONDS_TO_START = 120.0


@dataclass
class WebServer:
    """One that runs; `port` is for HTTPS."""

    name: str
    port: int


def text_for(kind: str) -> str:
    """Give what the documentation says to write into its file."""
    docs = (ROOT / "docs" / "reverse-proxy.md").read_text("utf-8")
    [text] = re.findall(rf"```{kind}\n(.*?)```", docs, re.DOTALL)
    return str(text)


def program(name: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", str(FOLDER / "web_servers.sh"), name],
        check=True,
        timeout=300,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """Its own authority signs, as none outside knows our name."""
    own = f"admin off\n\tlocal_certs\n\tskip_install_trust\n\thttps_port {port}\n"
    own += f"\thttp_port {port + 1}\n\tstorage file_system {folder}\n\t"
    text = text_for("caddy").replace(":2580", f":{behind}")
    file = folder / "Caddyfile"
    file.write_text(text.replace("{\n\ton_demand_tls", "{\n\t" + own + "on_demand_tls", 1))
    return [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    authority = Authority(folder)
    authority.server(NAME, f"*.{NAME}")
    text = text_for("nginx").replace(":2580", f":{behind}").replace("443", str(port))
    text = re.sub(r"/etc/ssl/\S+\.pem", str(folder / "server-1.pem"), text)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n"
    )
    return [program("nginx"), "-p", str(folder), "-c", str(file)]


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=out, stderr=out, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        )
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
            "address": address_of(request, PROXIES),
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


@pytest.fixture(params=["caddy", "nginx"])
async def before(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WebServer]:
    port, behind = free_port(), free_port()
    command = {"caddy": caddy, "nginx": nginx}[request.param](tmp_path, port, behind)
    async with server(behind):
        with running(command, tmp_path, port):
            yield WebServer(request.param, port)


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(BODY_BYTES // len(PIECE)):
        yield PIECE


async def test_what_is_asked_comes_through_as_it_was_asked(before: WebServer) -> None:
    url = f"https://127.0.0.1:{before.port}/x"
    limits = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(timeout=limits) as http:
        for name in (NAME, MEMBER):
            lie = {"Host": name, "X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "http"}
            async with http.get(url, ssl=False, server_hostname=name, headers=lie) as answer:
                seen = await answer.json()
            assert seen == {"host": name, "address": "127.0.0.1", "https": True, "size": 0}
        async with http.post(
            url, ssl=False, server_hostname=NAME, headers={"Host": NAME}, data=_pieces()
        ) as answer:
            assert (await answer.json())["size"] == BODY_BYTES
        async with http.ws_connect(
            url, ssl=False, server_hostname=NAME, headers={"Host": NAME}
        ) as line:
            await line.send_str("hello")
            assert await line.receive_str(timeout=60) == "hello"


@pytest.mark.parametrize("before", ["caddy"], indirect=True)
async def test_caddy_gets_no_certificate_for_a_name_that_nobody_has(before: WebServer) -> None:
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with asyncio.timeout(60):
            await asyncio.open_connection(
                "127.0.0.1", before.port, ssl=anything, server_hostname=f"bob.{NAME}"
            )
