"""Every method that is passed on: refused to an app without permission, served with it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.pds import app as pds_app
from appliance.pds.proxy import PROTECTED
from tests.support.members_house import open_members_house
from tests.support.oauth_client import App
from tests.support.pds_box import APPVIEW_DID

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = f"{APPVIEW_DID}%23bsky_appview"
OWN = {nsid for table in pds_app._TABLES for nsid in table.methods}
VERBS = {"query": "GET", "procedure": "POST"}
# Of the catalogue's methods, those of others; ours are in test_enforcement.
METHODS = {
    nsid: VERBS[method["type"]]
    for nsid, method in load_catalog().methods.items()
    if nsid not in OWN and method["type"] in VERBS and not nsid.startswith("internal.hearth.")
}


@dataclass
class Apps:
    """One with nothing, one with all calls to one service, one with the old scopes."""

    bare: App
    calling: App
    old: App
    chatting: App


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def apps(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Apps]:
    async with open_members_house(tmp_path_factory.mktemp("house")) as house:
        browser = await house.at_home()
        made = []
        for scope in (
            "atproto",
            f"atproto rpc:*?aud={SERVICE}",
            "atproto transition:generic",
            "atproto transition:chat.bsky",
        ):
            app = App.local(house, scope)
            await app.come_in(browser)
            made.append(app)
        yield Apps(*made)


async def outcome(app: App, nsid: str) -> tuple[int, str]:
    verb = METHODS[nsid]
    sent: dict[str, Any] = {"json": {}} if verb == "POST" else {}
    answer = await app.call(verb, nsid, **sent)
    return answer.status, answer.error if answer.status >= 400 else ""


async def test_there_are_many() -> None:
    assert len(METHODS) > 150
    assert any(nsid.startswith("chat.bsky.") for nsid in METHODS)


async def test_nothing_is_passed_on_without_permission(apps: Apps) -> None:
    for nsid in METHODS:
        wanted = (400, "InvalidToken") if nsid in PROTECTED else (403, "ScopeMissingError")
        assert await outcome(apps.bare, nsid) == wanted, nsid


async def test_everything_but_the_account_is_passed_on_with_it(apps: Apps) -> None:
    for nsid in METHODS:
        wanted = (400, "InvalidToken") if nsid in PROTECTED else (200, "")
        assert await outcome(apps.calling, nsid) == wanted, nsid


async def test_the_old_scopes_part_at_the_private_messages(apps: Apps) -> None:
    for nsid in METHODS:
        if nsid in PROTECTED:
            continue
        is_chat = nsid.startswith("chat.bsky.")
        assert (await outcome(apps.old, nsid))[0] == (403 if is_chat else 200), nsid
        assert (await outcome(apps.chatting, nsid))[0] == (200 if is_chat else 403), nsid
