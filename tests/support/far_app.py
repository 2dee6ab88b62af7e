"""An honest app that reaches a running server as any other does, and a member who lets it in."""

import re
import time
from collections.abc import Mapping
from html import unescape
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

import aiohttp

from tests.support.members_house import MembersHouse
from tests.support.oauth_client import SCOPE, App
from tests.support.pds_box import Answer

_FIELD = re.compile(r'name="([^"]*)" value="([^"]*)"')
_TICK = re.compile(r'name="(allow [^"]*)"')


class FarApp(App):
    """An app in development; `origin` is the server's address."""

    origin = ""

    @classmethod
    def at(cls, origin: str, redirect_uri: str, scope: str = SCOPE) -> Self:
        app = cls.local(cast(MembersHouse, None), scope)
        app.origin, app.redirect_uri = origin, redirect_uri
        return app

    @property
    def now(self) -> int:
        return int(time.time())

    async def send(
        self, path: str, fields: Mapping[str, Any], *, proof: str | None = None
    ) -> Answer:
        form = {"client_id": self.client_id, **fields}
        headers = {"DPoP": proof or self.proof("POST", self.origin + path)}
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.origin + path, data=form, headers=headers) as answer,
        ):
            body, json = await answer.read(), await answer.json()
        self.nonce = answer.headers["DPoP-Nonce"]
        if answer.status == 400 and json["error"] == "use_dpop_nonce":
            return await self.send(path, fields)
        return Answer(answer.status, answer.headers, body, json)

    async def be_let_in(self, handle: str, password: str) -> None:
        """Have a member sign in and agree, as a browser would; keep the tokens."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            page = await self._go(browser, await self.ask())
            signed_in = {"identifier": handle, "password": password}
            page = await self._go(browser, "/account/sign-in", **_fields(page), **signed_in)
            ticked = dict.fromkeys(map(unescape, _TICK.findall(page)), "yes")
            agreed = {**_fields(page), **ticked, "answer": "yes"}
            back = await self._go(browser, "/oauth/authorize", **agreed)
        answer = await self.exchange(parse_qs(urlsplit(back).query)["code"][0])
        assert answer.status == 200, answer

    async def _go(self, browser: aiohttp.ClientSession, path: str, **form: str) -> str:
        """Open a page or send a form; give the page it led to, or the address outside."""
        headers = {"Origin": self.origin}
        verb, url = ("POST" if form else "GET"), self.origin + path
        while True:
            async with browser.request(
                verb, url, data=form or None, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text()
                if answer.status != 303:
                    assert answer.status == 200, text
                    return text
                there = answer.headers["Location"]
            if not there.startswith("/"):
                return there
            verb, url, form = "GET", self.origin + there, {}


def _fields(page: str) -> dict[str, str]:
    """What stands in the fields of a page's form; of buttons and choices nothing."""
    found = {name: unescape(value) for name, value in _FIELD.findall(page)}
    return {name: value for name, value in found.items() if name not in ("answer", "identifier")}
