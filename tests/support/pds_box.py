"""A whole PDS with its directory on UNIX sockets, and an AppView that notes what it is asked."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Did
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.directory.app import build_app as build_directory
from appliance.directory.role import open_directory
from appliance.firehose import events
from appliance.pds.app import build_app as build_pds
from appliance.pds.role import Pds, open_pds
from appliance.settings import Settings, defaults
from tests.support.clock import FakeClock

PASSWORD = "correct horse"
APPVIEW_DID = "did:web:appview.test"
_LOOPBACK = OutboundPolicy(allow_loopback=True)
_CODE = re.compile(r"[A-Z2-7]{5}-[A-Z2-7]{5}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def error(self) -> str:
        assert self.status >= 400, self
        return str(self.json["error"])


@dataclass
class Member:
    """Somebody with an account and a session."""

    did: Did
    handle: str
    email: str
    access: str
    refresh: str


@dataclass
class AppViewStub:
    """An AppView that answers every method alike and keeps what it was sent."""

    status: int = 200
    body: bytes = b'{"ok":true}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(await request.read())
        self.asked.set()
        return web.Response(status=self.status, body=self.body, headers=self.headers)


class Box:
    """The PDS under test, and short cuts to what clients do with it."""

    def __init__(
        self, pds: Pds, session: aiohttp.ClientSession, clock: FakeClock, directory_url: str
    ) -> None:
        self.pds = pds
        self.directory_url = directory_url
        self.clock = clock
        self.appview = AppViewStub()
        self._session = session

    async def ask(
        self,
        verb: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> Answer:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        url = f"http://localhost{path}"
        async with self._session.request(verb, url, headers=sent, **rest) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json" and body
            return Answer(
                answer.status, answer.headers, body, await answer.json() if is_json else None
            )

    async def get(self, nsid: str, token: str | None = None, /, **params: Any) -> Answer:
        return await self.ask("GET", f"/xrpc/{nsid}", token=token, params=params)

    async def post(self, nsid: str, token: str | None = None, /, **given: Any) -> Answer:
        body: dict[str, Any] = {"json": given} if given else {}
        return await self.ask("POST", f"/xrpc/{nsid}", token=token, **body)

    async def operate(self, verb: str, nsid: str, **given: Any) -> Answer:
        """Call a method as the operator."""
        secret = self.pds.access.header.partition(" ")[2]
        body: dict[str, Any] = {"params": given} if verb == "GET" else {"json": given}
        headers = {"Authorization": f"Basic {secret}"}
        return await self.ask(verb, f"/xrpc/{nsid}", headers=headers, **body)

    async def sign_up(self, name: str = "alice", **more: Any) -> Member:
        given = {
            "handle": f"{name}.test",
            "email": f"{name}@example.com",
            "password": PASSWORD,
            **more,
        }
        answer = await self.post("com.atproto.server.createAccount", **given)
        assert answer.status == 200, answer
        view = answer.json
        return Member(
            Did(view["did"]), view["handle"], given["email"], view["accessJwt"], view["refreshJwt"]
        )

    async def log_in(self, identifier: str, password: str = PASSWORD, **more: Any) -> Answer:
        return await self.post(
            "com.atproto.server.createSession",
            identifier=identifier,
            password=password,
            **more,
        )

    async def app_password(self, member: Member, *, privileged: bool = False) -> str:
        """Make an app password and give the access token of a session with it."""
        made = await self.post(
            "com.atproto.server.createAppPassword",
            member.access,
            name=f"an app {privileged}",
            privileged=privileged,
        )
        session = await self.log_in(member.handle, made.json["password"])
        return str(session.json["accessJwt"])

    async def deactivate(self, member: Member) -> None:
        path = "/xrpc/com.atproto.server.deactivateAccount"
        answer = await self.ask("POST", path, token=member.access, json={})
        assert answer.status == 200, answer

    async def mailed_code(self) -> str:
        """Give the code in the newest mail."""
        [mail] = await self.pds.mailer.page(None, 1)
        found = _CODE.search(mail.body)
        assert found is not None
        return found[0]

    def announced(self, after: int = 0) -> list[events.RepoEvent]:
        """Read the events of the log."""
        found = [events.parse(frame) for _, frame in self.pds.event_log.after(after)]
        return [event for event in found if not isinstance(event, events.InfoEvent)]


@asynccontextmanager
async def open_box(
    folder: Path,
    policy: OutboundPolicy = _LOOPBACK,
    *,
    port: int | None = None,
    resolver: AbstractResolver | None = None,
    **changes: Any,
) -> AsyncIterator[Box]:
    """Run directory, PDS and AppView stub; `changes` are settings, "_" in the place of ".".

    With a `port` the PDS is also there for programs of others, and known by it. By `policy` it may
    ask this machine, and by `resolver` look up names.
    """
    values = {
        "pds.public_url": f"http://localhost:{port or 2583}",
        "appview.did": APPVIEW_DID,
        **{name.replace("_", ".", 1): value for name, value in changes.items()},
    }
    settings = defaults("dev", folder).with_values(values)
    settings.paths.run.mkdir(parents=True, exist_ok=True)
    clock, validator = FakeClock(), Validator(load_catalog())
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpClient.open(policy, resolver))
        workers = await stack.enter_async_context(Workers())
        ground = (settings, http, workers, clock, validator)
        directory = await stack.enter_async_context(open_directory(*ground))
        runner = await _serve(stack, build_directory(directory, settings), settings, "directory")
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        directory_url = f"http://127.0.0.1:{runner.addresses[-1][1]}"
        pds = await stack.enter_async_context(open_pds(*ground))
        pds_runner = await _serve(stack, build_pds(pds, settings), settings, "pds")
        connector = aiohttp.UnixConnector(str(settings.paths.socket("pds")))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, auto_decompress=True)
        )
        box = Box(pds, session, clock, directory_url)
        if port is not None:
            await web.TCPSite(pds_runner, "127.0.0.1", port).start()
        stub = web.Application()
        stub.router.add_route("*", "/xrpc/{nsid}", box.appview.handle)
        await _serve(stack, stub, settings, "appview")
        yield box


async def _serve(
    stack: AsyncExitStack, app: web.Application, settings: Settings, role: str
) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.UnixSite(runner, settings.paths.socket(role)).start()
    return runner
