"""Joining by an invite: the page behind the link."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.room import Room
from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.panel_house import Seen

DAY = 86_400


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def link(house: MembersHouse, **fields: Any) -> str:
    """Have the operator make an invite; give the path of its link."""
    made = await house.box.operate("POST", "internal.hearth.pds.createInvite", **fields)
    assert made.status == 200, made.json
    return str(made.json["url"]).removeprefix(house.box.pds.site.url)


async def send(browser: Browser, path: str, **fields: str) -> Seen:
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    data = {"form_token": browser.token, **fields}
    return await browser.ask("POST", path, headers=headers, data=data)


async def test_somebody_joins_by_a_link_and_learns_what_to_do_next(house: MembersHouse) -> None:
    path = await link(house)
    rosa = house.browser()
    seen = await rosa.ask("GET", path)
    assert "Welcome to Hearth" in seen.words
    done = await send(rosa, path, front="Rosa", password="a good password")
    assert done.location == "/account/welcome"
    welcome = await rosa.get("/welcome")
    assert "Welcome, @rosa.test" in welcome.words
    assert welcome.copyable("provider") == house.box.pds.site.url
    assert welcome.copyable("handle") == "rosa.test"
    assert (await house.box.log_in("rosa.test", "a good password")).status == 200
    found = house.box.pds.accounts.by_email("rosa@rosa.test")
    assert found is not None
    own = await rosa.get("/email")
    assert "Address None yet. Without one, whoever runs this network" in own.words
    assert "rosa@rosa.test" not in own.words
    assert "Not confirmed" not in (await rosa.get("")).words
    invite = await house.box.pds.invites.used_by(found.did)
    assert invite is not None
    assert invite.code == path.rpartition("/")[2]


async def test_a_link_that_is_used_up_run_out_or_unknown_says_so(house: MembersHouse) -> None:
    used, short, closed = (await link(house), await link(house, days=1), await link(house))
    rosa = house.browser()
    await rosa.ask("GET", used)
    await send(rosa, used, front="rosa", password="a good password")
    house.box.clock.advance(DAY + 1)
    code = closed.rpartition("/")[2]
    await house.box.operate("POST", "com.atproto.admin.disableInviteCodes", codes=[code])
    for path in (used, short, closed, "/join/nothing", "/join/" + "x" * 200):
        browser = house.browser()
        seen = await browser.ask("GET", path)
        assert seen.status == 404
        assert "This invite is no longer open" in seen.words
        late = await send(browser, path, front="late", password="a good password")
        assert late.status in (403, 404)
    assert (await house.box.log_in("late.test", "a good password")).status == 401


async def test_what_is_wrong_stands_under_its_field(house: MembersHouse) -> None:
    path = await link(house)
    browser = house.browser()
    await browser.ask("GET", path)
    for front, password, error in (
        ("alice", "a good password", "Somebody here has this name already."),
        ("a", "a good password", "This cannot be a name."),
        ("admin", "a good password", "This name is kept for the network itself."),
        ("rosa", "short", "A password has at least 8 characters."),
    ):
        seen = await send(browser, path, front=front, password=password)
        assert seen.status == 422
        assert [one.startswith(error) for one in seen.errors] == [True], seen.errors
        assert f'value="{front}"' in seen.text
    assert (await send(browser, path, front="rosa", password="a good password")).status == 303


async def test_where_the_disk_is_full_nobody_joins_and_members_sign_in(
    house: MembersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    rosa, paul = house.browser(), house.browser()
    path, other = await link(house), await link(house)
    await rosa.ask("GET", path)
    await send(rosa, path, front="rosa", password="a good password")
    monkeypatch.setattr(Room, "is_short", True)
    await paul.ask("GET", other)
    seen = await send(paul, other, front="paul", password="a good password")
    assert seen.status == 503
    assert "The disk of this server is full" in seen.words
    assert (await house.box.log_in("rosa.test", "a good password")).status == 200


async def test_the_rules_are_shown_and_have_to_be_agreed_to(house: MembersHouse) -> None:
    path = await link(house)
    rules = "1. Be kind.\n2. <b>No</b> shouting."
    put = await house.box.operate("POST", "internal.hearth.pds.putHouseTexts", rules=rules)
    assert put.status == 200
    browser = house.browser()
    seen = await browser.ask("GET", path)
    assert "Be kind." in seen.words
    assert "&lt;b&gt;No&lt;/b&gt;" in seen.text
    seen = await send(browser, path, front="rosa", password="a good password")
    assert (seen.status, seen.errors) == (422, ["To join, agree to the rules."])
    done = await send(browser, path, front="rosa", password="a good password", rules="yes")
    assert done.status == 303


async def test_who_invites_is_named(house: MembersHouse) -> None:
    path = await link(house, forAccount=house.alice.did)
    seen = await house.browser().ask("GET", path)
    assert "@alice.test invites you." in seen.words


async def test_a_form_from_elsewhere_opens_nothing(house: MembersHouse) -> None:
    path = await link(house)
    browser = house.browser()
    await browser.ask("GET", path)
    fields = {"form_token": browser.token, "front": "rosa", "password": "a good password"}
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await browser.ask("POST", path, headers=foreign, data=fields)).status == 403
    other = await browser.ask("GET", path, headers={"Host": "evil.example"})
    assert other.status == 421


async def test_texts_of_the_house_are_the_operators_alone(house: MembersHouse) -> None:
    texts = await house.box.operate("GET", "internal.hearth.pds.getHouseTexts")
    assert texts.json == {"rules": "", "welcome": ""}
    await house.box.operate("POST", "internal.hearth.pds.putHouseTexts", welcome="  Hello.  ")
    texts = await house.box.operate("GET", "internal.hearth.pds.getHouseTexts")
    assert texts.json == {"rules": "", "welcome": "Hello."}
    refused = await house.box.post(
        "internal.hearth.pds.putHouseTexts", house.alice.access, rules="x"
    )
    assert refused.status == 401


async def test_invites_cannot_be_guessed_without_end(house: MembersHouse) -> None:
    path = await link(house)
    browser = house.browser()
    seen = [(await browser.ask("GET", f"/join/guess-{number}")).status for number in range(20)]
    assert seen[0] == 404
    assert seen[-1] == 429
    assert (await house.browser().ask("GET", path)).status == 200


async def test_a_member_invites_as_many_as_the_owner_allows(house: MembersHouse) -> None:
    alice = await house.at_home()
    assert "Invite a friend" in (await alice.get("")).words
    await alice.get("/invites")
    links = []
    for _ in range(3):
        seen = await alice.post("/invites")
        links.append(seen.copyable("new-link").removeprefix(house.box.pds.site.url))
    refused = await alice.post("/invites")
    assert (refused.status, len(refused.errors)) == (422, 1)
    rosa = house.browser()
    assert "@alice.test invites you." in (await rosa.ask("GET", links[0])).words
    await send(rosa, links[0], front="rosa", password="a good password")
    assert "@rosa.test" in (await alice.get("/invites")).words
    await alice.post("/invites/close", code=links[1].rpartition("/")[2])
    assert (await rosa.ask("GET", links[1])).status == 404
    foreign = (await link(house)).rpartition("/")[2]
    assert (await alice.post("/invites/close", code=foreign)).status == 404
    await house.box.operate(
        "POST", "com.atproto.admin.disableAccountInvites", account=house.alice.did
    )
    assert (await alice.post("/invites")).status == 422


async def test_where_the_owner_allows_none_members_do_not_invite(tmp_path: Path) -> None:
    async with open_members_house(tmp_path, pds_member_invites=0) as house:
        alice = await house.at_home()
        assert "Invite a friend" not in (await alice.get("")).words
        assert (await alice.get("/invites")).status == 404
