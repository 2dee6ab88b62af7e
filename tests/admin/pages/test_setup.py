"""The wizard after the claim."""

import pytest

from appliance.settings import load
from tests.support.panel_house import House


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


async def test_reach_begins_with_what_is_true_now(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/setup/reach")
    assert "Only this computer reaches this network." in seen.words
    assert 'value="dev" checked' in seen.text
    assert house.settings.pds.url in seen.words


async def test_a_choice_is_written_to_the_settings_file(house: House) -> None:
    owner = await house.claim()
    seen = await owner.post("/setup/reach", mode="home", hostname="Hearth.Home")
    assert seen.location == "/setup/people"
    stored = load(house.settings.paths.data, {})
    assert (stored.network.mode, stored.pds.hostname) == ("home", "hearth.home")
    assert stored.network.handle_domains == (".hearth.home",)
    seen = await owner.get("/setup/reach")
    assert 'value="home" checked' in seen.text
    assert 'value="hearth.home"' in seen.text
    await owner.post("/setup/reach", mode="dev", hostname="hearth.home")
    assert load(house.settings.paths.data, {}).pds.hostname == "localhost"


@pytest.mark.parametrize(
    ("mode", "hostname", "error"),
    [
        ("public", "", "For this choice the server needs a name."),
        ("public", "https://x.example", "This is not a host name."),
        ("home", "a b", "This is not a host name."),
        ("home", "x.example:80", "This is not a host name."),
        ("", "", "Choose one of the three."),
        ("other", "", "Choose one of the three."),
    ],
)
async def test_a_choice_that_cannot_be_is_explained(
    mode: str, hostname: str, error: str, house: House
) -> None:
    owner = await house.claim()
    seen = await owner.post("/setup/reach", mode=mode, hostname=hostname)
    assert seen.status == 422
    assert [one.startswith(error) for one in seen.errors] == [True]
    assert f'value="{hostname}"' in seen.text
    assert not house.settings.paths.settings_file.exists()


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
    for step, back in (("reach", "name"), ("people", "reach"), ("done", "people")):
        seen = await owner.get(f"/setup/{step}")
        assert f'class="button" href="/setup/{back}"' in seen.text
        assert seen.text.count('aria-current="step"') == 1
