"""A network where names mean what a test says: DNS and HTTPS at their own ports, nobody else there.

Programs of others look a did:web up by its name, at port 443, and let nobody tell them otherwise.
"""

import ctypes
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from tests.support.authority import Authority
from tests.support.name_server import NameServer, name_server

HERE: Final = "127.0.0.1"
_NETWORK: Final = 0x40000000  # CLONE_NEWNET
_SURROUNDINGS: Final = """
set -e
for file in resolv.conf nsswitch.conf; do
    [ ! -e "/etc/$file" ] || mount --bind "$0/$file" "/etc/$file"
done
exec "$@"
"""


@contextmanager
def own_network() -> Iterator[None]:
    """Put this thread, and whatever it starts meanwhile, into a network of its own. By root."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _kernel("unshare", _NETWORK)
        try:
            # Where there is the loopback address alone, the C library finds no addresses at all.
            for words in (["link", "set", "lo", "up"], ["addr", "add", "10.9.9.9/32", "dev", "lo"]):
                subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)  # noqa: S603, S607
            yield
        finally:
            _kernel("setns", before, _NETWORK)
    finally:
        os.close(before)


def _kernel(name: str, *numbers: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*numbers) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


class NamedWorld:
    """What stands under each name: `servers` have addresses, `pages` are texts at a path."""

    def __init__(self, folder: Path, names: NameServer, outside: aiohttp.ClientSession) -> None:
        self.servers: dict[str, str] = {}
        self.pages: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[str, str]] = []
        self._folder = folder
        self._outside = outside
        self._names = names
        self.authority = Authority(folder)
        (folder / "resolv.conf").write_text(f"nameserver {HERE}\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")

    def add(self, name: str, server: str = "") -> None:
        """Let a name lead here, and on to a server if one is given."""
        self._names.records[(name, "A")] = HERE
        if server:
            self.servers[name] = server

    @property
    def inside(self) -> list[str]:
        """The command that lets a program find these names."""
        return ["unshare", "--mount", "sh", "-c", _SURROUNDINGS, str(self._folder)]

    @property
    def env(self) -> dict[str, str]:
        """What lets programs, ours and those on Node, believe its certificates."""
        root = str(self.authority.root)
        return {"SSL_CERT_FILE": root, "NODE_EXTRA_CA_CERTS": root}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        name, path = request.host, request.path
        self.asked.append((name, path))
        page = self.pages.get((name, path))
        if page is not None:
            kind = "application/json" if path.endswith(".json") else "text/plain"
            return web.Response(text=page, content_type=kind)
        if name not in self.servers:
            return web.Response(status=404)
        url = f"{self.servers[name]}{request.path_qs}"
        async with self._outside.get(url, headers={"Host": name}) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                content_type=answer.content_type,
            )


@asynccontextmanager
async def named_world(folder: Path, *certified: str) -> AsyncIterator[NamedWorld]:
    """Serve one in a network of one's own, certified for these names (`*.smiths.family`)."""
    async with aiohttp.ClientSession() as outside, name_server(53) as names:
        world = NamedWorld(folder, names, outside)
        tls: ssl.SSLContext = world.authority.server(*certified)
        runner = web.AppRunner(world.app(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, HERE, 443, ssl_context=tls).start()
            yield world
        finally:
            await runner.cleanup()
