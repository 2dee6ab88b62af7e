"""A member whose identity is a name of ours points it elsewhere on the page where they move."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.pds_box import PASSWORD, Member

DID = Did("did:web:webby.test")
KEY = PrivateKey.generate().public.did_key


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        given = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD}
        await opened.box.operate("POST", "internal.hearth.pds.openWebAccount", **given)
        yield opened


@pytest.fixture
async def goal() -> AsyncIterator[str]:
    """The address of the server where they move to."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"did": "did:web:other.test"})

    app = web.Application()
    app.router.add_get("/xrpc/com.atproto.server.describeServer", answer)
    async with TestServer(app) as server:
        yield f"http://localhost:{server.port}"


async def moving(house: MembersHouse, goal: str) -> Browser:
    browser = await house.at_home(Member(DID, "webby.test", "w@example.com", "", ""))
    await browser.get("/move")
    assert (await browser.post("/move", host=goal)).location == "/account/move"
    return browser


async def test_a_name_is_pointed_there_and_home_again(house: MembersHouse, goal: str) -> None:
    browser, resolver = await moving(house, goal), house.box.pds.resolver
    seen = await browser.get("/move")
    assert "Your identity is your name here." in seen.words
    away = f"Your identity says that you live at {goal}."
    assert away not in seen.words
    await browser.post("/move/point", key=KEY, handle="@Webby.Other.test")
    document = await resolver.document(DID)
    assert (document.pds, document.handle) == (goal, "webby.other.test")
    assert document.signing_key is not None
    assert document.signing_key.did_key == KEY
    assert away in (await browser.get("/move")).words
    # Also when they thought better of the move itself.
    await browser.post("/move/stop")
    assert away in (await browser.get("/move")).words
    await browser.post("/move/home")
    assert (await resolver.document(DID)).pds == house.box.pds.site.url
    assert away not in (await browser.get("/move")).words


async def test_what_is_no_key_or_no_name_points_nowhere(house: MembersHouse, goal: str) -> None:
    browser = await moving(house, goal)
    for key, handle in (("", ""), ("did:web:x.test", ""), ("<b>", ""), (KEY, "no name")):
        seen = await browser.post("/move/point", key=key, handle=handle)
        assert (seen.status, seen.errors) == (422, ["This is no signing key, or no name."])
    assert (await house.box.pds.resolver.document(DID)).pds == house.box.pds.site.url


async def test_who_brought_a_name_is_told_what_its_document_has_to_say(
    house: MembersHouse, goal: str
) -> None:
    did, given = "did:web:annie.example.com", {"handle": "annie.test", "email": "a@example.com"}
    await house.box.operate(
        "POST", "internal.hearth.pds.receiveAccount", did=did, password=PASSWORD, **given
    )
    browser = await house.at_home(Member(Did(did), "annie.test", "a@example.com", "", ""))
    await browser.get("/move")
    await browser.post("/move", host=goal)
    seen = await browser.get("/move")
    assert f"Your identity is {did}, a document at an address of your own." in seen.words
    assert f"it has to name {goal}" in seen.words
    for of_others in ("asks for a code", "make a recovery key", "Signing key there"):
        assert of_others not in seen.words


async def test_nobody_elses_identity_is_pointed(house: MembersHouse, goal: str) -> None:
    browser = await house.at_home()
    await browser.get("/move")
    for path in ("/move/point", "/move/home"):  # before there is a goal
        assert (await browser.post(path, key=KEY)).location == "/account/move"
    await browser.post("/move", host=goal)
    seen = await browser.get("/move")
    assert "Signing key there" not in seen.words
    await browser.post("/move/point", key=KEY)
    document = await house.box.pds.resolver.document(house.alice.did)
    assert document.pds == house.box.pds.site.url
