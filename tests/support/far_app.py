"""An honest app that reaches a running server over the net, by the clock on the wall."""

import time
from collections.abc import Mapping
from typing import Any, Self, cast

import aiohttp

from tests.support.members_house import MembersHouse
from tests.support.oauth_client import SCOPE, App
from tests.support.pds_box import Answer


class FarApp(App):
    """The same app as elsewhere; `origin` is the server's address."""

    origin = ""

    @classmethod
    def at(cls, origin: str, redirect_uri: str, scope: str = SCOPE) -> Self:
        """An app in development that uses a server."""
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
