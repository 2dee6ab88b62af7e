"""Codes that let people join."""

from pathlib import Path

from tests.support.panel_house import House, open_house


async def test_a_code_comes_with_a_text_to_send(house: House) -> None:
    owner = await house.claim()
    seen = await owner.post("/invites", uses="3")
    code = seen.copyable("new-code")
    letter = seen.copyable("new-letter")
    assert code in letter
    assert house.settings.pds.url in letter
    assert "0 of 3 used" in seen.words
    assert "Open" in (await owner.get("/invites")).words


async def test_a_closed_code_is_shown_so(house: House) -> None:
    owner = await house.claim()
    code = (await owner.post("/invites", uses="1")).copyable("new-code")
    assert (await owner.post("/invites/disable", code=code)).location == "/invites"
    assert "Closed" in (await owner.get("/invites")).words


async def test_who_came_with_a_code_is_named(tmp_path: Path) -> None:
    async with open_house(tmp_path, pds_invites_required=True) as house:
        owner = await house.claim()
        assert "Who has a code can join" in (await owner.get("/invites")).words
        code = (await owner.post("/invites", uses="1")).copyable("new-code")
        await house.box.sign_up("ann", inviteCode=code)
        seen = await owner.get("/invites")
        assert "Used by @ann.test" in seen.words
        assert "Used up" in seen.words


async def test_a_number_that_cannot_be_is_explained(house: House) -> None:
    owner = await house.claim()
    for uses in ("0", "-1", "1001", "x", "1.5", "²", "9" * 30):
        seen = await owner.post("/invites", uses=uses)
        assert (seen.status, seen.errors) == (422, ["Type a number from 1 to 1000."])
    assert (await house.panel.people.invites()).items == []
