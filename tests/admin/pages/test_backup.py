"""The page of the copies: what is known, made and tried when asked, the key for who proves it."""

from pathlib import Path

import pytest

from appliance.upkeep.backup_journal import CourseFile, Journal, asked, take_up
from appliance.upkeep.backup_key import KEY_FILE, key_of
from appliance.upkeep.backup_ssh import SshFiles
from tests.support.panel_house import OWNER_PASSWORD, House, open_house


async def test_without_a_place_the_page_leads_to_where_one_is_chosen(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/backup")
    assert "no place is set" in seen.words
    assert 'href="/setup/backup"' in seen.text
    assert (await owner.post("/backup", what="now")).status == 502
    assert asked(house.settings.paths.data) is None


async def test_copies_are_shown_made_and_tried(tmp_path: Path) -> None:
    async with open_house(tmp_path, backup_target="/mnt/<disk>", backup_hour=4) as house:
        data, owner = house.settings.paths.data, await house.claim()
        seen = await owner.get("/backup")
        assert "/mnt/<disk>" in seen.words
        assert "4 o'clock" in seen.words
        assert "Try to bring" not in seen.words
        assert "Next copy within minutes" in seen.words
        assert (await owner.post("/backup", what="now")).location == "/backup"
        assert asked(data) == "now"
        seen = await owner.get("/backup")
        assert "It begins in a moment." in seen.words
        assert seen.headers["Refresh"] == "2"
        take_up(data)
        course = CourseFile(data, "now")
        course.show("storing", 0.42)
        seen = await owner.get("/backup")
        assert "Copying: storing" in seen.words
        assert 'value="42"' in seen.text
        course.end()
        now = house.clock.now()
        Journal().note(
            data, taken_at=now - 60, bytes=2_500_000, added=1_000, proof_failure="it is <cut>"
        )
        seen = await owner.get("/backup")
        assert "2.5 MB (1 kB of it new)" in seen.words
        assert seen.errors == ["The last copy could not be brought back: it is <cut>"]
        assert "Refresh" not in seen.headers
        await owner.post("/backup", what="prove")
        assert asked(data) == "prove"
        assert "A copy made, or one proven" in (await owner.get("/log")).words


async def test_the_key_is_shown_to_who_types_the_password_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, backup_target="/mnt/disk") as house:
        owner = await house.claim()
        key = key_of(house.settings.paths.secret(KEY_FILE))
        assert key not in (await owner.get("/backup")).text
        wrong = await owner.post("/backup/key", password="a guess")
        assert (wrong.status, key in wrong.text) == (422, False)
        shown = await owner.post("/backup/key", password=OWNER_PASSWORD)
        assert shown.copyable("backup-key") == key
        log = (await owner.get("/log")).text
        assert "Key of the copies shown" in log
        assert key not in log


async def test_the_line_that_opens_storage_is_shown_where_it_is_by_sftp(tmp_path: Path) -> None:
    async with open_house(tmp_path, backup_target="sftp:keeper@store.test:/copies") as house:
        seen = await (await house.claim()).get("/backup")
        line = SshFiles.of(house.settings.paths).public_line()
        assert seen.copyable("backup-ssh-key") == line
        private = SshFiles.of(house.settings.paths).key
        assert private.stat().st_mode & 0o777 == 0o600
        assert "PRIVATE" in private.read_text()
        assert "PRIVATE" not in seen.text


@pytest.mark.parametrize("what", ["everything", ""])
async def test_nothing_else_can_be_asked_for(house: House, what: str) -> None:
    headers = {"Authorization": house.box.pds.access.header}
    path = "/xrpc/internal.hearth.backups.askForBackup"
    answer = await house.box.ask("POST", path, headers=headers, json={"what": what})
    assert answer.error == "InvalidRequest"
    assert (await house.box.ask("POST", path, json={"what": "now"})).status == 401
    assert asked(house.settings.paths.data) is None
