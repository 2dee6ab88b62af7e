"""What guardians fix on their own pages, and what those see whom they look after."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.pds.pins import Pins
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.pds_box import Member

PINS = Pins.of("2015-03-28", [], ["poker"], adult=False)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def child_of(house: MembersHouse) -> Member:
    child = await house.box.sign_up("ben")
    await house.box.pds.guardians.look_after(child.did, house.alice.did, PINS)
    return child


async def test_a_guardian_changes_what_is_fixed_and_hands_over(house: MembersHouse) -> None:
    child = await child_of(house)
    browser = await house.at_home()
    assert "Whom you look after" in (await browser.get("")).words
    assert "@ben.test" in (await browser.get("/wards")).words
    page = f"/wards/{child.did}"
    assert "poker</textarea>" in (await browser.get(page)).text
    for no_day in ("soon", "2999-01-01"):
        wrong = await browser.post(page, birth_date=no_day, muted_words="dice")
        assert (wrong.status, wrong.errors) == (
            422,
            ["This is not a day that has been. Write it as 2015-03-28."],
        )
    saved = await browser.post(page, birth_date="2015-03-29", no_adult="yes", muted_words="dice")
    assert "Saved." in (await browser.get(saved.location.removeprefix("/account"))).words
    pins = house.box.pds.guardians.pins(child.did)
    assert pins == Pins.of("2015-03-29", [], ["dice"], adult=False)
    await browser.post(f"{page}/hand-over")
    assert house.box.pds.guardians.ward(child.did) is None
    acts = await house.box.pds.operator_acts.page(None, 10)
    assert [(act.actor, act.method.rpartition(".")[2]) for act in acts] == [
        ("member", "releaseWard"),
        ("member", "putWard"),
    ]


async def test_nobody_changes_what_another_looks_after(house: MembersHouse) -> None:
    child = await child_of(house)
    eve = await house.box.sign_up("eve")
    for member in (eve, child):
        browser = await house.at_home(member)
        await browser.get("/wards")
        for path in (f"/wards/{child.did}", f"/wards/{child.did}/hand-over", "/wards/take-over"):
            assert (await browser.post(path, muted_words="")).status == 404
        assert (await browser.get(f"/wards/{child.did}")).status == 404
    assert house.box.pds.guardians.pins(child.did) == PINS


async def test_who_is_looked_after_sees_it_and_takes_over_when_grown_up(
    house: MembersHouse,
) -> None:
    child = await child_of(house)
    browser = await house.at_home(child)
    seen = await browser.get("/wards")
    assert "@alice.test has fixed some settings for you" in seen.words
    assert "poker" in seen.words
    assert "Look after it myself" not in seen.words
    house.box.clock.advance(12 * 366 * 86_400)
    browser = await house.at_home(child)
    assert "Look after it myself" in (await browser.get("/wards")).words
    done = await browser.post("/wards/take-over")
    assert "yours alone now" in (await browser.get(done.location.removeprefix("/account"))).words
    assert house.box.pds.guardians.ward(child.did) is None
