"""The wizard after the claim."""

import re

import pytest

from appliance.base.paper_words import bytes_of
from appliance.settings import load
from tests.support.panel_house import OWNER_PASSWORD, House


async def test_the_name_is_kept_and_shown_everywhere(house: House) -> None:
    owner = await house.claim()
    assert (await owner.post("/setup/name", name="  The   Smiths ")).location == "/setup/reach"
    assert load(house.settings.paths.data, {}).network.name == "The Smiths"
    assert "The Smiths" in (await owner.get("/")).words


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\u202eb", "a\x00b"])
async def test_an_unfit_name_is_refused(name: str, house: House) -> None:
    owner = await house.claim()
    seen = await owner.post("/setup/name", name=name)
    assert (seen.status, len(seen.errors)) == (422, 1)
    assert house.panel.desk.name == "Hearth"


async def test_two_people_and_the_wizard_is_done(house: House) -> None:
    owner = await house.claim()
    first = await owner.post("/setup/people", handle="ann", email="", password="")
    assert "And who is the second?" in first.words
    password = first.copyable("new-password")
    assert (await house.box.log_in("ann.test", password)).status == 200
    second = await owner.post("/setup/people", handle="bob", email="", password="a password")
    assert "Two are a network" in second.words
    assert password not in second.text
    done = await owner.get("/setup/done")
    assert done.copyable("provider") == house.settings.pds.url
    assert "@ann.test" in done.words
    assert "The setup is not finished" in (await owner.get("/")).words
    assert (await owner.post("/setup/done")).location == "/"
    assert "The setup is not finished" not in (await owner.get("/")).words


async def test_every_step_leads_back(house: House) -> None:
    owner = await house.claim()
    for step, back in (
        ("reach", "name"),
        ("reach/seen", "reach"),
        ("people", "reach/seen"),
        ("backup", "people"),
        ("sheet", "backup"),
        ("done", "sheet"),
    ):
        seen = await owner.get(f"/setup/{step}")
        assert f'class="button" href="/setup/{back}"' in seen.text
        assert seen.text.count('aria-current="step"') == 1


async def test_the_sheet_is_shown_to_who_knows_the_password(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/setup/sheet")
    assert "A sheet of paper to keep" in seen.words
    digits = house.settings.paths.secret("plc-rotation-key").read_text().strip()
    assert digits not in seen.text
    wrong = await owner.post("/setup/sheet", password="not it at all")
    assert (wrong.status, wrong.errors) == (422, ["This is not the password."])
    assert digits not in wrong.text
    shown = await owner.post("/setup/sheet", password=OWNER_PASSWORD)
    assert shown.status == 200
    assert digits in shown.words
    words = re.findall(r"<li>([a-z]+)</li>", shown.text)
    assert bytes_of(" ".join(words)).hex() == digits
    assert shown.headers["Cache-Control"] == "no-store"
    assert (await house.visitor().get("/setup/sheet")).location.startswith("/sign-in")
