"""One PDS for all attacks of a module, a member who is at home, and what apps publish."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.oauth_client import WEB_CALLBACK, App, Documents, Key, confidential, metadata


@dataclass
class Field:
    """Where attacks happen. Each app has a name of its own, as documents are remembered."""

    house: MembersHouse
    browser: Browser
    documents: Documents
    numbers: Iterator[int] = field(default_factory=count)

    def app(self, scope: str = "atproto transition:generic") -> App:
        """An honest app that publishes nothing."""
        return App.local(self.house, scope)

    async def settled(self, scope: str = "atproto transition:generic") -> App:
        """An honest app that the member let in."""
        app = self.app(scope)
        await app.come_in(self.browser)
        return app

    def published(self, **changes: Any) -> App:
        """A public app on the web, with changes to what it publishes."""
        app = App(self.house, self._name(), WEB_CALLBACK)
        self.documents.put(app.client_id, metadata(**{"client_id": app.client_id, **changes}))
        return app

    def signing(self, **changes: Any) -> App:
        """An app that signs for itself, with changes to what it publishes."""
        key = Key()
        app = App(self.house, self._name(), WEB_CALLBACK, client_key=key)
        self.documents.put(app.client_id, confidential(key, client_id=app.client_id, **changes))
        return app

    def _name(self) -> str:
        return f"https://app.example.com/{next(self.numbers)}.json"

    def wait(self, seconds: float) -> None:
        self.house.box.clock.advance(seconds)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    async with open_members_house(tmp_path_factory.mktemp("house")) as house:
        yield Field(house, await house.at_home(), Documents(house.box.pds))
