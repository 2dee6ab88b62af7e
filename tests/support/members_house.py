"""A PDS and visitors to its members' pages, who fill in forms as browsers do."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession, DummyCookieJar
from aiohttp.connector import UnixConnector
from multidict import CIMultiDict

from tests.support.panel_house import FORM_TOKEN, Seen
from tests.support.pds_box import PASSWORD, Box, Member, open_box

ORIGIN = "http://localhost:2583"


class Browser:
    """Keeps its cookies, and sends forms with the token of the page it last saw."""

    def __init__(self, session: ClientSession, origin: str = ORIGIN) -> None:
        self._session = session
        self.origin = origin
        self.cookies: dict[str, str] = {}
        self.token = ""
        self.raw = b""

    async def ask(
        self, verb: str, path: str, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Seen:
        host = urlsplit(self.origin).netloc
        sent = CIMultiDict({"Host": host, "User-Agent": "A browser"})
        sent.update(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        url = f"http://localhost{path}"
        async with self._session.request(
            verb, url, headers=sent, data=data, allow_redirects=False
        ) as answer:
            for line in answer.headers.getall("Set-Cookie", ()):
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[name]
            self.raw = await answer.read()
            text = self.raw.decode(errors="replace")
            seen = Seen(answer.status, answer.headers.copy(), text)
        found = FORM_TOKEN.search(seen.text)
        if found is not None:
            self.token = found[1]
        return seen

    async def get(self, path: str) -> Seen:
        return await self.ask("GET", f"/account{path}")

    async def post(self, path: str, **fields: str) -> Seen:
        """Send a form of the page that was seen last."""
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        data = {"form_token": self.token, **fields}
        return await self.ask("POST", f"/account{path}", headers=headers, data=data)

    async def sign_in(self, name: str, password: str = PASSWORD, after: str = "") -> Seen:
        await self.get("/sign-in")
        fields = {"identifier": name, "password": password}
        return await self.post("/sign-in", **fields, **({"next": after} if after else {}))


@dataclass
class MembersHouse:
    """The PDS, its first member, and the way to both."""

    box: Box
    alice: Member
    session: ClientSession

    def browser(self) -> Browser:
        return Browser(self.session, self.box.pds.site.url)

    async def at_home(self, member: Member | None = None) -> Browser:
        """A browser in which a member has just signed in, before a page with a form."""
        browser = self.browser()
        seen = await browser.sign_in((member or self.alice).handle)
        assert seen.location == "/account"
        await browser.get("")
        return browser


@asynccontextmanager
async def open_members_house(
    folder: Path, *, member: str = "alice", **changes: Any
) -> AsyncIterator[MembersHouse]:
    """Open a PDS with one new member; `changes` are settings, as for `open_box`."""
    async with open_box(folder, **changes) as box:
        connector = UnixConnector(str(box.pds.settings.paths.socket("pds")))
        async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
            yield MembersHouse(box, await box.sign_up(member), session)
