"""The panel before a real PDS on its socket, and visitors who fill in its forms."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, DummyCookieJar
from aiohttp.test_utils import BaseTestServer, TestServer
from multidict import CIMultiDict

from appliance.admin.app import build_app
from appliance.admin.panel import Panel, open_admin
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did, Handle
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.pds.web_identities import Place
from appliance.settings import Settings, defaults
from appliance.settings_file import save
from tests.support.clock import FakeClock
from tests.support.pds_box import PASSWORD, Box, open_box

PORT = 2587
HOST = f"localhost:{PORT}"
OWNER_PASSWORD = "the cat sleeps all day"
FORM_TOKEN = re.compile(r'name="form_token" value="([^"]*)"')


@dataclass(frozen=True)
class Seen:
    """An answer, as a browser sees it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        assert self.status == 303, (self.status, self.text)
        return self.headers["Location"]

    @property
    def words(self) -> str:
        """What a person reads: the text without markup."""
        body = self.text.partition("<body>")[2]
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def errors(self) -> list[str]:
        found = re.findall(r'<p class="error"[^>]*>(.*?)</p>', self.text, re.DOTALL)
        return [" ".join(unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in found]

    def copyable(self, name: str) -> str:
        """What a code field that can be copied holds."""
        found = re.search(rf'<code id="{name}"[^>]*>(.*?)</code>', self.text, re.DOTALL)
        assert found is not None, self.text
        return unescape(found[1])


class Visitor:
    """A browser: keeps its cookies, sends forms with the token of the page it last saw."""

    def __init__(self, session: ClientSession, server: BaseTestServer) -> None:
        self._session = session
        self._server = server
        self.cookies: dict[str, str] = {}
        self.token = ""

    async def ask(
        self,
        verb: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> Seen:
        sent = CIMultiDict(headers or {})
        sent.setdefault("Host", HOST)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        async with self._session.request(
            verb, self._server.make_url(path), headers=sent, data=data, allow_redirects=False
        ) as answer:
            for line in answer.headers.getall("Set-Cookie", ()):
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[name]
            seen = Seen(answer.status, answer.headers.copy(), await answer.text())
        found = FORM_TOKEN.search(seen.text)
        if found is not None:
            self.token = found[1]
        return seen

    async def get(self, path: str, **headers: str) -> Seen:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.ask("GET", path, headers=named)

    async def post(self, path: str, **fields: str) -> Seen:
        """Send a form as a browser does, from a page of the panel."""
        headers = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
        data = {"form_token": self.token, **fields}
        return await self.ask("POST", path, headers=headers, data=data)


@dataclass
class House:
    """The panel, the PDS behind it, and the way to both."""

    panel: Panel
    box: Box
    clock: FakeClock
    settings: Settings
    session: ClientSession
    server: BaseTestServer

    def visitor(self) -> Visitor:
        return Visitor(self.session, self.server)

    async def visitor_signed_in(self) -> Visitor:
        """A browser of the owner, with a form's token at hand."""
        owner = self.visitor()
        await owner.get("/sign-in")
        assert (await owner.post("/sign-in", password=OWNER_PASSWORD)).status == 303
        await owner.get("/people/new")
        return owner

    @property
    def code(self) -> str:
        """The claim code, as the owner finds it on the computer."""
        return self.settings.paths.secret("claim-code").read_text().strip()

    @asynccontextmanager
    async def unnamed(self, restart: Callable[[], None]) -> AsyncIterator["House"]:
        """A panel as at the very first start: the network has no name yet."""
        settings = self.settings.with_values(
            {"pds.hostname": "", "network.mode": "home", "door.port": 2580}
        )
        async with _panel(settings, self.box, restart) as house:
            yield house

    @asynccontextmanager
    async def with_settings(self, values: Mapping[str, object]) -> AsyncIterator["House"]:
        """The panel of a network with other settings, which its file holds too."""
        settings = defaults("home", self.settings.paths.data).with_values(values)
        save(settings)
        running = self.settings.with_values(values)
        async with _panel(running, self.box, None) as house:
            yield house

    @asynccontextmanager
    async def panel_with(self, running: Settings) -> AsyncIterator["House"]:
        """The panel of a network that runs with other settings, which no file holds."""
        async with _panel(running, self.box, None) as house:
            yield house

    @asynccontextmanager
    async def again(self) -> AsyncIterator["House"]:
        """The panel started anew: nothing is connected to anything yet."""
        async with _panel(self.settings, self.box, None) as house:
            yield house

    async def claim(self) -> Visitor:
        """Claim the network; give the owner's browser, with a form's token at hand."""
        owner = self.visitor()
        await owner.get("/claim")
        seen = await owner.post(
            "/claim", code=self.code, password=OWNER_PASSWORD, again=OWNER_PASSWORD
        )
        assert seen.location == "/setup/name"
        await owner.get("/setup/name")
        return owner

    async def who_moved_away(self, handle: str) -> Did:
        """An account with a did:web of this network that went elsewhere; it is still here too."""
        did = Did(f"did:web:{handle}")
        given = {"handle": handle, "email": "w@example.com", "password": PASSWORD}
        await self.box.operate("POST", "internal.hearth.pds.openWebAccount", **given)
        place = Place.of("https://there.example.com", PrivateKey.generate().public.did_key)
        await self.box.pds.lifecycle.point(did, Handle(handle), place)
        return did


@asynccontextmanager
async def open_house(folder: Path, **changes: Any) -> AsyncIterator[House]:
    """Run directory, PDS and panel; `changes` are settings, "_" in the place of the first "."."""
    async with (
        open_box(folder, **{"admin_port": PORT, **changes}) as box,
        _panel(box.pds.settings, box, None) as house,
    ):
        yield house


@asynccontextmanager
async def _panel(
    settings: Settings, box: Box, restart: Callable[[], None] | None
) -> AsyncIterator[House]:
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        open_admin(settings, http, box.clock, restart) as panel,
        TestServer(build_app(panel, settings)) as server,
        ClientSession(cookie_jar=DummyCookieJar()) as session,
    ):
        yield House(panel, box, box.clock, settings, session, server)
