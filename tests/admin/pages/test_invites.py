"""Links that let people join."""

from pathlib import Path

from tests.support.panel_house import House, open_house

DAY = 86_400


async def test_a_link_comes_with_a_picture_and_a_text_to_send(house: House) -> None:
    owner = await house.claim()
    seen = await owner.post("/invites", uses="3", days="7", note="Aunt Rosa")
    link, letter = seen.copyable("new-link"), seen.copyable("new-letter")
    assert link.startswith(f"{house.settings.pds.url}/join/")
    assert link in letter
    assert '<svg viewBox="0 0' in seen.text
    assert "0 of 3 used" in seen.words
    assert "Aunt Rosa" in seen.words
    listed = await owner.get("/invites")
    assert "Open" in listed.words
    assert link in listed.words


async def test_a_link_runs_out(house: House) -> None:
    owner = await house.claim()
    await owner.post("/invites", uses="1", days="1")
    house.clock.advance(DAY - 1)
    assert "Close the code" in (await owner.get("/invites")).text
    house.clock.advance(2)
    seen = await owner.get("/invites")
    assert "Run out" in seen.words
    assert "Close the code" not in seen.text


async def test_a_closed_link_is_shown_so(house: House) -> None:
    owner = await house.claim()
    link = (await owner.post("/invites", uses="1", days="0")).copyable("new-link")
    code = link.rpartition("/")[2]
    assert (await owner.post("/invites/disable", code=code)).location == "/invites"
    assert "Closed" in (await owner.get("/invites")).words


async def test_who_came_with_a_link_is_named(tmp_path: Path) -> None:
    async with open_house(tmp_path, pds_invites_required=True) as house:
        owner = await house.claim()
        assert "Who has a link can join" in (await owner.get("/invites")).words
        link = (await owner.post("/invites", uses="1", days="7")).copyable("new-link")
        await house.box.sign_up("ann", inviteCode=link.rpartition("/")[2])
        seen = await owner.get("/invites")
        assert "Used by @ann.test" in seen.words
        assert "Used up" in seen.words


async def test_a_number_that_cannot_be_is_explained(house: House) -> None:
    owner = await house.claim()
    for uses in ("0", "-1", "1001", "x", "1.5", "²", "9" * 30):
        seen = await owner.post("/invites", uses=uses, days="7")
        assert (seen.status, seen.errors) == (422, ["Type a number from 1 to 1000."])
    seen = await owner.post("/invites", uses="1", days="8")
    assert (seen.status, seen.errors) == (422, ["Choose one of these."])
    seen = await owner.post("/invites", uses="1", days="7", note="x" * 101)
    assert seen.errors == ["This is too long. A hundred letters will do."]
    assert (await house.panel.people.invites()).items == []


async def test_who_invited_whom_stands_with_the_member(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    made = await house.box.operate("POST", "internal.hearth.pds.createInvite", forAccount=ann.did)
    bob = await house.box.sign_up("bob", inviteCode=made.json["code"])
    assert "Came with the invite @ann.test" in (await owner.get(f"/people/{bob.did}")).words
    assert "by @ann.test" in (await owner.get("/invites")).words
