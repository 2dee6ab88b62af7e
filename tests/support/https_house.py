"""HTTPS of a small network in this process: its doors, and a PDS that only knows its handles."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import web
from cryptography import x509

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.https.opening import Https
from appliance.https.shelf import names_in
from appliance.listeners import bind, close_all
from appliance.settings import Settings, defaults
from appliance.upkeep.https_journal import HttpsJournal
from tests.support.ports import free_port
from tests.support.waiting import until

NAME = "smith.example"


@dataclass
class HttpsHouse:
    """`members`: handles that have an account; `closed`: the doors that cannot be opened."""

    data: Path
    port: int
    plain_port: int
    members: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    def settings(self, directory: str, **https: object) -> Settings:
        values = {f"https.{name}": value for name, value in https.items()}
        public = defaults("public", self.data).with_values(
            {
                "pds.hostname": NAME,
                "network.handle_domains": (f".{NAME}",),
                "https.mode": "acme",
                "https.port": self.port,
                "https.plain_port": self.plain_port,
                **values,
            }
        )
        # An authority of the tests has no certificate of its own.
        return replace(public, https=replace(public.https, directory=directory))

    def journal(self) -> HttpsJournal:
        return HttpsJournal.read(self.data)

    async def shown(self, name: str, local_address: str = "127.0.0.1") -> x509.Certificate:
        """See the certificate that is shown under a name, calling from there. Raises OSError."""
        anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anything.check_hostname = False
        anything.verify_mode = ssl.CERT_NONE
        async with asyncio.timeout(60):
            _, writer = await asyncio.open_connection(
                "127.0.0.1",
                self.port,
                ssl=anything,
                server_hostname=name,
                local_addr=(local_address, 0),
            )
        raw = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return x509.load_der_x509_certificate(raw)

    async def until_had(self, name: str = NAME) -> x509.Certificate:
        """Wait until there is a certificate for a name, and see it."""
        await until(lambda: self.journal().of(name).ends)
        found = await self.shown(name)
        assert names_in(found) == (name,)
        return found

    async def until_had_by_asking(self, name: str) -> x509.Certificate:
        """Ask for a name that may have no certificate yet: whoever asks waits for it."""
        found = await self.shown(name)
        assert names_in(found) == (name,)
        return found

    def names(self, certificate: x509.Certificate) -> tuple[str, ...]:
        return names_in(certificate)

    async def until_failed(self, name: str = NAME) -> str:
        """Wait until a try came to nothing; give the kind."""
        await until(lambda: self.journal().of(name).failure)
        return self.journal().of(name).kind

    @asynccontextmanager
    async def open(self, settings: Settings, policy: OutboundPolicy) -> AsyncIterator[Https]:
        """Open the doors, as the node does."""
        for folder in (settings.paths.data, settings.paths.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        doors = {"https": bind(["127.0.0.1"], self.port) if "https" not in self.closed else []}
        if settings.https.plain_port and "http" not in self.closed:
            doors["http"] = bind(["127.0.0.1"], self.plain_port)
        pds = await _running(self._pds())
        await web.UnixSite(pds, settings.paths.socket("pds")).start()
        door = await _running(_echo())
        runners = [pds, door]
        try:
            async with HttpClient.open(policy) as http, Workers() as workers:
                https = Https(settings, http)
                plain = await _running(https.plain_door(lambda host: host.endswith(NAME)))
                runners.append(plain)
                for listener in doors.get("http", ()):
                    await web.SockSite(plain, listener).start()
                assert door.server is not None
                https.serve(workers, door.server, doors)
                yield https
        finally:
            for runner in runners:
                await runner.cleanup()
            close_all(doors)

    def _pds(self) -> web.Application:
        async def check(request: web.Request) -> web.Response:
            name = request.query["domain"]
            self.asked.append(name)
            return web.Response(status=200 if name in self.members else 404)

        app = web.Application()
        app.router.add_get("/tls-check", check)
        return app


def house(folder: Path) -> HttpsHouse:
    """Make one, with ports that nobody uses."""
    first = free_port()
    return HttpsHouse(folder, first, first + 1)


def _echo() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.scheme} {request.host} {request.remote}")

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    return app


async def _running(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    return runner
