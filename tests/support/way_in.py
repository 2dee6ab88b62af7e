"""A PDS with all that stands between it and the world: DNS, certificate, proxy, hop, mail, relay.

Everything is real and on loopback, and well until a test spoils it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import dns.asyncresolver
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from appliance.upkeep.causes import CAUSES
from appliance.upkeep.checkup import Finding
from tests.support.authority import Authority
from tests.support.name_server import NameServer, name_server
from tests.support.pds_box import Box, Member, open_box
from tests.support.ports import free_port
from tests.support.wayward_proxy import WaywardProxy

NAME = "smiths.family"
HANDLE = f"alice.{NAME}"
SECRET = "open sesame"


class PostOffice:
    """What a mail server does with a visitor; answers that begin with 5 are refusals."""

    def __init__(self) -> None:
        self.sender = "250 OK"
        self.recipient = "250 OK"
        self.password = SECRET

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        envelope.mail_from = address
        return self.sender

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.recipient

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, given: object
    ) -> AuthResult:
        right = isinstance(given, LoginPassword) and given.password.decode() == self.password
        return AuthResult(success=right, handled=False)


class Elsewhere:
    """A machine somewhere else: says what time it is, and looks at addresses when it is asked.

    `clock_off`: seconds; `comes`: whether it can reach us; `status`: what it answers then.
    """

    def __init__(self, names: NameServer) -> None:
        self.clock_off = 0.0
        self.comes = True
        self.status = 200
        self._names = names

    async def health(self, _request: web.Request) -> web.Response:
        now = time.gmtime(time.time() + self.clock_off)
        told = time.strftime("%a, %d %b %Y %H:%M:%S GMT", now)
        return web.json_response({}, headers={"Date": told})

    async def look(self, request: web.Request) -> web.Response:
        if self.comes:
            connector = aiohttp.TCPConnector(ssl=False, resolver=self._names)
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(request.query["at"]) as answer,
            ):
                await answer.read()
        return web.Response(status=self.status, text="no connection")


@dataclass
class WayIn:
    """The parts, each for a test to spoil."""

    box: Box
    names: NameServer
    authority: Authority
    proxy: WaywardProxy
    post: PostOffice
    elsewhere: Elsewhere
    alice: Member
    _doors: AsyncExitStack

    async def examine(self) -> list[Finding]:
        """Give what is not well."""
        found = await self.box.pds.doctor.examine()
        assert all(one.cause in CAUSES for one in found if one.level != "good")
        return [one for one in found if one.level != "good"]

    async def hang_door(self, *names: str, tls: bool = True, **how: Any) -> None:
        """Put another certificate into the proxy."""
        await self.close_door()
        names = names or (NAME, f"*.{NAME}")
        context = self.authority.server(*names, **how) if tls else None
        await self._doors.enter_async_context(self.proxy.serve(context))

    async def close_door(self) -> None:
        """Have the proxy listen no more."""
        await self._doors.aclose()


@asynccontextmanager
async def open_way_in(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[WayIn]:
    """Build it all, in good order."""
    authority = Authority(folder)
    patch.setenv("SSL_CERT_FILE", str(authority.root))
    data = folder / "data"
    (data / "secrets").mkdir(parents=True)
    (data / "secrets" / "smtp-password").write_text(SECRET)
    post = PostOffice()
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(name_server())
        for name in (NAME, f"*.{NAME}"):
            names.records[name, "A"] = "127.0.0.1"
        patch.setattr(dns.asyncresolver, "get_default_resolver", names.client)
        elsewhere = Elsewhere(names)
        url = await _serve_elsewhere(stack, elsewhere)
        port = free_port()
        box = await stack.enter_async_context(
            open_box(
                data,
                resolver=names,
                network_mode="public",
                network_handle_domains=(f".{NAME}",),
                network_trusted_proxies=1,
                network_own_account=False,
                pds_hostname=NAME,
                pds_public_url=f"https://{NAME}:{port}",
                pds_relays=(url,),
                pds_contact_email="owner@elsewhere.family",
                checkup_resolvers=(names.address,),
                checkup_hop=f"{url}/hop?at={{url}}",
                checkup_registries=f"{url}/registries",
                smtp_host="127.0.0.1",
                smtp_port=await _serve_mail(stack, post),
                smtp_security="none",
                smtp_username="hearth",
                smtp_sender=f"hearth@{NAME}",
            )
        )
        box.clock.advance(time.time() - box.clock.now())
        alice = await box.sign_up(handle=HANDLE)
        names.records[f"_atproto.{HANDLE}", "TXT"] = f'"did={alice.did}"'
        proxy = WaywardProxy(str(box.pds.settings.paths.socket("pds")))
        proxy.port = port
        doors = await stack.enter_async_context(AsyncExitStack())
        way = WayIn(box, names, authority, proxy, post, elsewhere, alice, doors)
        await way.hang_door()
        yield way


async def _serve_elsewhere(stack: AsyncExitStack, elsewhere: Elsewhere) -> str:
    app = web.Application()
    app.router.add_get("/xrpc/_health", elsewhere.health)
    app.router.add_post("/xrpc/com.atproto.sync.requestCrawl", elsewhere.health)
    app.router.add_get("/hop", elsewhere.look)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _serve_mail(stack: AsyncExitStack, post: PostOffice) -> int:
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(post, authenticator=post.authenticate, auth_require_tls=False),
        "127.0.0.1",
        0,
    )
    stack.push_async_callback(server.wait_closed)
    stack.callback(server.close)
    return int(server.sockets[0].getsockname()[1])
