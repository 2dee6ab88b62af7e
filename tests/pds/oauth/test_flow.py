"""The way of an honest app: asking, agreeing, tokens, calls, the end."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.members_house import MembersHouse, open_members_house
from tests.support.oauth_client import App, agree, post, returned, sign_in_for
from tests.support.pds_box import PASSWORD


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def test_an_app_comes_in_where_the_member_is_signed_in(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    tokens = await app.come_in(browser)
    assert tokens["sub"] == house.alice.did
    assert tokens["token_type"] == "DPoP"
    assert tokens["scope"] == app.scope
    assert tokens["expires_in"] == 900
    session = await app.get_session()
    assert session.json["did"] == house.alice.did


async def test_a_member_signs_in_on_the_way(house: MembersHouse) -> None:
    app, browser = App.local(house), house.browser()
    seen = await browser.ask("GET", await app.ask())
    seen = await sign_in_for(browser, seen, house.alice)
    assert "localhost" in seen.text
    code = returned(await agree(browser, seen))["code"]
    assert (await app.exchange(code)).json["sub"] == house.alice.did


async def test_a_newcomer_opens_an_account_on_the_way(tmp_path: Path) -> None:
    async with open_members_house(tmp_path) as house:
        app, browser = App.local(house), house.browser()
        seen = await browser.ask("GET", await app.ask(prompt="create"))
        assert seen.location is not None
        assert seen.location.startswith("/account/sign-up?")
        page = await browser.ask("GET", seen.location)
        assert "Open an account" in page.text
        assert app.client_id.replace("&", "&amp;") in page.text
        after = parse_qs(urlsplit(seen.location).query)["next"][0]
        fields = {"front": "bob", "email": "bob@example.com", "password": "correct horse"}
        done = await post(browser, "/account/sign-up", next=after, **fields)
        assert done.location == after, done.text
        seen = await browser.ask("GET", after)
        code = returned(await agree(browser, seen))["code"]
        await app.exchange(code)
        assert (await app.get_session()).json["handle"] == "bob.test"


async def test_a_newcomer_needs_an_invite_where_one_is_asked_for(tmp_path: Path) -> None:
    async with open_members_house(tmp_path) as house:
        house.box.pds.joining.terms = replace(house.box.pds.joining.terms, invites_required=True)
        [[code]] = await house.box.pds.invites.create(["admin"], 1, 1)
        browser = house.browser()
        await browser.get("/sign-up")
        fields = {"front": "bob", "email": "bob@example.com", "password": "correct horse"}
        refused = await browser.post("/sign-up", **fields)
        assert refused.status == 422
        assert "This code is not known" in refused.text
        refused = await browser.post("/sign-up", **fields, invite_code="wrong-code")
        assert refused.status == 422
        done = await browser.post("/sign-up", **fields, invite_code=code)
        assert done.location == "/account"


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("front", "al", "This cannot be a name"),
        ("front", "alice", "Somebody here has this name"),
        ("front", "admin", "kept for the network"),
        ("email", "nowhere", "not an e-mail address"),
        ("email", "alice@example.com", "Somebody here has this address"),
        ("password", "short", "at least 8"),
    ],
)
async def test_a_newcomer_is_told_what_is_wrong(
    house: MembersHouse, field: str, text: str, words: str
) -> None:
    browser = house.browser()
    await browser.get("/sign-up")
    fields = {"front": "bob", "email": "bob@example.com", "password": "correct horse"}
    seen = await browser.post("/sign-up", **{**fields, field: text})
    assert seen.status == 422
    assert words in seen.text


async def test_a_member_leaves_out_a_part(house: MembersHouse) -> None:
    app = App.local(house, "atproto transition:generic transition:email")
    browser = await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    answered = returned(await agree(browser, seen, "transition:email"))
    await app.exchange(answered["code"])
    assert app.tokens["scope"] == "atproto transition:generic"
    assert "email" not in (await app.get_session()).json


async def test_a_member_says_no(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    answered = returned(await agree(browser, seen, answer="no"))
    assert answered["error"] == "access_denied"
    assert answered["state"] == app.state
    assert answered["iss"] == "http://localhost:2583"


async def test_the_second_step_stands_on_the_way_too(house: MembersHouse) -> None:
    await house.box.pds.factors.set_mail(house.alice.did, True)
    app, browser = App.local(house), house.browser()
    seen = await browser.ask("GET", await app.ask())
    after = parse_qs(urlsplit(seen.location).query)["next"][0]
    await browser.ask("GET", seen.location)
    fields = {"identifier": "alice.test", "password": PASSWORD, "next": after}
    page = await browser.post("/sign-in", **fields)
    assert "One more step" in page.text
    assert (await browser.ask("GET", after)).location.startswith("/account/sign-in")
    ticket = re.findall(r'name="ticket" value="([^"]*)"', page.text)[0]
    code = await house.box.mailed_code()
    done = await browser.post("/second-step", ticket=ticket, factor_code=code, next=after)
    assert done.location == after
    seen = await browser.ask("GET", after)
    await app.exchange(returned(await agree(browser, seen))["code"])
    assert app.tokens["sub"] == house.alice.did
