"""The home page."""

from tests.support.panel_house import House


async def test_home_says_how_everything_is(house: House) -> None:
    owner = await house.claim()
    await house.box.sign_up()
    seen = await owner.get("/")
    assert "1 person" in seen.words
    assert "Members and their posts PDS" in seen.words
    assert "Not answering" in seen.words
    assert "3 things need you" in seen.words
    assert seen.copyable("provider") == house.settings.pds.url


async def test_the_changing_part_can_be_fetched_alone(house: House) -> None:
    owner = await house.claim()
    home, live = await owner.get("/"), await owner.get("/live")
    assert "<html" not in live.text
    assert live.text.strip() in home.text
