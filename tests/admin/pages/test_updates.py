"""New releases on the panel: seen with what they change, asked for, waited with."""

from pathlib import Path

from appliance.upkeep.update_journal import Known, Wish
from tests.support.panel_house import House, open_house


async def test_without_a_channel_the_page_says_where_to_name_one(house: House) -> None:
    owner = await house.claim()
    assert "No channel for new releases is set" in (await owner.get("/updates")).words
    assert "New releases" in (await owner.get("/more")).words


async def test_a_new_release_is_shown_asked_for_and_waited_with(tmp_path: Path) -> None:
    async with open_house(tmp_path, update_channel="/srv/hearth") as house:
        await see_ask_and_wait(house)


async def test_nothing_is_called_the_newest_before_a_channel_was_read(tmp_path: Path) -> None:
    async with open_house(tmp_path, update_channel="/srv/hearth") as house:
        owner = await house.claim()
        data, now = house.settings.paths.data, house.clock.now()
        fresh = await owner.get("/updates")
        assert "Nobody has looked yet" in fresh.words
        assert "the newest there is" not in fresh.words
        Known().note(data, checked_at=now, failure="channel.json cannot be read")
        failed = await owner.get("/updates")
        assert failed.errors == ["channel.json cannot be read"]
        assert "the newest there is" not in failed.words
        assert "see that the place below is right" in failed.words
        Known().note(data, checked_at=now)
        assert "That is the newest there is." in (await owner.get("/updates")).words


async def see_ask_and_wait(house: House) -> None:
    data = house.settings.paths.data
    Known().note(
        data,
        checked_at=house.clock.now(),
        version="9.0.0",
        date="2027-01-15",
        changes="Faster.\n\nAnd <b>safer</b>.",
        tried_failure="no room",
    )
    owner = await house.claim()
    seen = await owner.get("/updates")
    assert "Hearth 9.0.0, of 2027-01-15 Faster. And <b>safer</b>." in seen.words
    assert seen.errors == ["no room"]
    assert "installed at 4 o'clock" in seen.words
    assert (await owner.post("/updates", what="install")).location == "/updates?done=install"
    assert Wish.read(data).asked == "install"
    assert (await owner.post("/updates/hold", hold="on")).location == "/updates"
    assert Wish.read(data).held_until == -1
    assert "wait until you say so" in (await owner.get("/updates")).words
    await owner.post("/updates/hold", hold="off")
    assert Wish.read(data).held_until == 0
    assert "New releases: wait, or wait no longer" in (await owner.get("/log")).words
