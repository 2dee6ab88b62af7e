"""The wizard's question of where copies go."""

from pathlib import Path

import pytest

from appliance.admin.pages import setup_backup
from appliance.settings import load
from tests.support.panel_house import House


async def test_a_folder_is_noted_with_what_is_seen_of_it(house: House, tmp_path: Path) -> None:
    owner = await house.claim()
    # Without a place everything can be lost: that is no field that is "not needed".
    assert "(not needed)" not in (await owner.get("/setup/backup")).words
    folder = tmp_path.parent / f"{tmp_path.name}-copies"
    folder.mkdir()
    saved = await owner.post("/setup/backup", target=str(folder))
    assert saved.location == "/setup/backup?done=saved"
    assert load(house.settings.paths.data, {}).backup.target == str(folder)
    seen = await owner.get("/setup/backup?done=saved")
    assert "The first copy begins within minutes" in seen.words
    assert "It is the same disk" in seen.words
    assert f'value="{folder}"' in seen.text
    assert (await owner.post("/setup/backup", target="")).location == "/setup/sheet"
    assert load(house.settings.paths.data, {}).backup.target == ""


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("copies", "This is not a place."),
        ("ftp://x", "This is not a place."),
        ("/no/such/folder", "There is no such folder"),
        ("DATA", "This is inside the data folder."),
    ],
)
async def test_a_place_that_cannot_be_is_explained(target: str, error: str, house: House) -> None:
    owner = await house.claim()
    data = str(house.settings.paths.data)
    seen = await owner.post("/setup/backup", target=target.replace("DATA", data))
    assert seen.status == 422
    assert [one.startswith(error) for one in seen.errors] == [True]
    assert load(house.settings.paths.data, {}).backup.target == ""


async def test_a_disk_that_is_plugged_in_is_offered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_backup, "plugged_in", lambda: ["Copies", "A<b>"])
    owner = await house.claim()
    seen = await owner.get("/setup/backup")
    assert "usb:Copies" in seen.words
    assert "usb:A<b>" in seen.words
    await owner.post("/setup/backup", target="usb:Copies")
    assert load(house.settings.paths.data, {}).backup.target == "usb:Copies"
    assert 'value="usb:A&lt;b&gt;"' in (await owner.get("/setup/backup")).text


async def test_places_elsewhere_are_taken_as_they_are(house: House) -> None:
    owner = await house.claim()
    await owner.post("/setup/backup", target="sftp:ann@nas.home:/copies")
    assert load(house.settings.paths.data, {}).backup.target == "sftp:ann@nas.home:/copies"
