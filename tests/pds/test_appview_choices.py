"""Whose AppView a member's calls go to: by their choice, the operator's, or the app's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from appliance.atproto import jwt
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.resolver import FRESH_SECONDS
from appliance.atproto.syntax import Did, JsonObject
from appliance.pds import proxy
from appliance.pds.appview_choices import AppViewChoice, InvalidChoice
from appliance.pds.proxy import PROTECTED
from appliance.pds.viewer_data import ViewerData
from tests.pds.test_fallback import registered
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.pds_box import Answer, AppViewStub

TIMELINE = "app.bsky.feed.getTimeline"
BLUESKY = "did:web:api.bsky.app#bsky_appview"


@dataclass
class Town:
    """A PDS, its member, and an AppView of somebody else."""

    house: MembersHouse
    other: AppViewStub
    name: str

    async def choose(self, choice: str) -> None:
        did = self.house.alice.did
        nsid = "internal.hearth.pds.setAppView"
        answer = await self.house.box.operate("POST", nsid, did=did, appView=choice)
        assert answer.status == 200, answer

    async def ask(self, header: str | None = None, nsid: str = TIMELINE) -> str:
        """Ask for a timeline; tell who answered: "here", "there", or an error."""
        answer = await self._ask(header, nsid)
        if answer.status == 502:
            return answer.error
        assert answer.status == 200, answer
        return "there" if answer.json == {"there": True} else "here"

    async def _ask(self, header: str | None, nsid: str) -> Answer:
        headers = {} if header is None else {"atproto-proxy": header}
        token = self.house.alice.access
        return await self.house.box.ask("GET", f"/xrpc/{nsid}", token=token, headers=headers)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def open_town(folder: Path, **changes: Any) -> AsyncIterator[Town]:
    other = AppViewStub(body=b'{"there":true}')
    app = web.Application()
    app.router.add_route("*", "/xrpc/{nsid}", other.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with open_members_house(folder, **changes) as house:
            did = await registered(house.box, url, "bsky_appview")
            yield Town(house, other, f"{did}#bsky_appview")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("choice", "plain", "by_blueskys_name"),
    [("server", "here", "here"), ("local", "here", "here"), ("named", "there", "there")],
)
async def test_a_choice_says_who_answers(
    town: Town, choice: str, plain: str, by_blueskys_name: str
) -> None:
    await town.choose(town.name if choice == "named" else choice)
    assert await town.ask() == plain
    assert await town.ask(BLUESKY) == by_blueskys_name
    assert await town.ask(town.name) == "there"
    assert await town.ask("did:web:appview.test#bsky_appview") == "here"


async def test_who_takes_whichever_is_asked_for_is_taken_at_their_apps_word(town: Town) -> None:
    await town.choose("any")
    assert await town.ask() == "here"
    await town.house.box.pds.resolver.document(town.house.alice.did)
    answer = await town._ask(BLUESKY, TIMELINE)
    # Nobody is Bluesky on this machine; that it was looked for is what counts.
    assert answer.status >= 400
    assert town.other.requests == []


async def test_in_public_blueskys_name_means_bluesky_but_for_who_chose(tmp_path: Path) -> None:
    async with open_town(
        tmp_path, network_mode="public", network_handle_domains=(".test",)
    ) as town:
        assert (await town._ask(BLUESKY, TIMELINE)).status >= 400
        for choice, found in (("local", "here"), (town.name, "there")):
            await town.choose(choice)
            assert await town.ask(BLUESKY) == found
        await town.choose("server")
        assert (await town._ask(BLUESKY, TIMELINE)).status >= 400


async def test_local_means_the_one_inside_where_the_server_uses_another(tmp_path: Path) -> None:
    async with open_town(tmp_path, appview_url="http://127.0.0.1:9") as town:
        assert await town.ask() == "UpstreamFailure"
        await town.choose("local")
        assert await town.ask() == "here"
        [sent] = town.house.box.appview.requests
        token = jwt.parse(sent.headers["Authorization"].removeprefix("Bearer "))
        assert token.claims["aud"] == town.house.box.pds.did
        assert "Hearth-Wait-For-Rev" in sent.headers


async def test_the_chosen_one_gets_a_token_for_itself_and_no_rev(town: Town) -> None:
    await town.choose(town.name)
    await town.ask()
    [sent] = town.other.requests
    token = jwt.parse(sent.headers["Authorization"].removeprefix("Bearer "))
    assert token.claims["aud"] == town.name.partition("#")[0]
    assert token.claims["iss"] == town.house.alice.did
    assert "Hearth-Wait-For-Rev" not in sent.headers


async def test_one_that_is_known_is_found_while_nobody_tells_of_it_any_more(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_directory: PlcClient, _did: Did) -> JsonObject:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    await town.choose(town.name)
    assert await town.ask() == "there"
    monkeypatch.setattr(PlcClient, "document", silent)
    monkeypatch.setattr(proxy, "LOOKUP_SECONDS", 0.2)
    town.house.box.clock.advance(FRESH_SECONDS + 1)
    session = await town.house.box.log_in(town.house.alice.handle)
    town.house.alice.access = session.json["accessJwt"]
    for _ in range(2):
        assert await town.ask() == "there"
    unknown = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa#bsky_appview"
    assert await town.ask(unknown) == "UpstreamFailure"


async def test_what_the_chosen_one_keeps_of_a_member_is_in_their_archive(town: Town) -> None:
    await town.choose(town.name)
    town.other.body = b'{"mutes":[{"did":"did:web:loud.example.com"}]}'
    pds, did = town.house.box.pds, town.house.alice.did
    found = await ViewerData(pds.proxy, pds.appview_choices, pds.exports.tray).documents(did)
    with found["private/mutes.json"] as file:
        assert json.loads(file.read()) == [{"did": "did:web:loud.example.com"}]
    found["private/notifications.json"].close()
    assert town.house.box.appview.requests == []


async def test_protected_methods_go_to_no_chosen_appview_either(town: Town) -> None:
    await town.choose(town.name)
    token = town.house.alice.access
    for nsid in PROTECTED:
        for headers in ({}, {"atproto-proxy": town.name}):
            path = f"/xrpc/{nsid}"
            await town.house.box.ask("GET", path, token=token, headers=headers)
            await town.house.box.ask("POST", path, token=token, headers=headers, json={})
    assert town.other.requests == []


async def test_preferences_stay_here_whichever_appview_is_chosen(town: Town) -> None:
    nsid = "app.bsky.actor.getPreferences"
    await town.choose(town.name)
    for header in (None, BLUESKY, town.name):
        answer = await town._ask(header, nsid)
        assert answer.json == {"preferences": []}
    await town.choose("server")
    assert (await town._ask(town.name, nsid)).json == {"there": True}


async def test_members_choose_on_their_own_page(town: Town) -> None:
    browser = await town.house.at_home()
    await browser.get("/appview")
    saved = await browser.post("/appview", kind="named", service=town.name)
    assert saved.location == "/account?done=appview"
    assert "Load your apps anew" in (await browser.get("?done=appview")).words
    assert await town.ask() == "there"
    page = await browser.get("/appview")
    assert town.name in page.text
    assert 'value="named" checked' in page.text
    await browser.post("/appview", kind="server", service="")
    assert await town.ask() == "here"


async def test_what_is_no_appview_is_not_taken(town: Town) -> None:
    browser = await town.house.at_home()
    await browser.get("/appview")
    slips = {"nonsense": "not the name", "local": "not the name", "did:plc:x#": "not the name"}
    slips["did:web:nobody.invalid#bsky_appview"] = "No AppView is found"
    slips[town.name.replace("appview", "other")] = "No AppView is found"
    for service, words in slips.items():
        seen = await browser.post("/appview", kind="named", service=service)
        assert seen.status == 422
        assert words in seen.errors[0]
    assert (await browser.post("/appview", kind="else")).status == 422
    assert await town.ask() == "here"
    nsid, did = "internal.hearth.pds.setAppView", town.house.alice.did
    refused = await town.house.box.operate("POST", nsid, did=did, appView="nonsense")
    assert (refused.status, refused.error) == (400, "InvalidRequest")
    unknown = await town.house.box.operate("POST", nsid, did="did:web:who.test", appView="any")
    assert unknown.error == "AccountNotFound"


async def test_a_choice_goes_with_its_account(town: Town) -> None:
    await town.choose(town.name)
    alice, pds = town.house.alice, town.house.box.pds
    await town.house.box.operate("POST", "com.atproto.admin.deleteAccount", did=alice.did)
    assert str(pds.appview_choices.of(alice.did)) == "server"


@pytest.mark.parametrize("text", ["server", "local", "any", "did:web:a.test#bsky_appview"])
def test_a_choice_is_written_as_it_is_read(text: str) -> None:
    assert str(AppViewChoice.of(text)) == text


@pytest.mark.parametrize("text", ["", "did:web:a.test", "did:web:a.test#a b", "#x", "x#y", "a#b#c"])
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(InvalidChoice):
        AppViewChoice.of(text)
