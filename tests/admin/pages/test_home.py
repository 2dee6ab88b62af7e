"""The home page."""

import re

from tests.support.panel_house import House


async def test_home_says_how_everything_is(house: House) -> None:
    owner = await house.claim()
    await house.box.sign_up()
    seen = await owner.get("/")
    assert "1 person" in seen.words
    assert "Members and their posts PDS" in seen.words
    assert "Not answering" in seen.words
    assert "4 things need you" in seen.words
    assert seen.copyable("provider") == house.settings.pds.url


async def test_the_changing_part_can_be_fetched_alone(house: House) -> None:
    owner = await house.claim()
    await house.box.pds.figures.take()
    home, live = await owner.get("/"), await owner.get("/live")
    assert "<html" not in live.text
    # What is free on the disk changes meanwhile.
    assert re.sub(r"\d", "", live.text).strip() in re.sub(r"\d", "", home.text)


async def test_home_shows_the_accounts_on_their_way(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up()
    assert "Accounts on their way" not in (await owner.get("/")).words
    about = {"did": member.did, "peer": "https://old.example.com", "step": "blobs"}
    for what, state, words in (
        ("move-in", "running", ""),
        ("move-out", "waiting", "no code was given"),
        ("export", "failed", "the disk is full"),
        ("import", "done", ""),
    ):
        told = {**about, "what": what, "done": 50, "of": 200, "state": state, "words": words}
        await house.box.operate("POST", "internal.hearth.pds.reportMove", **told)
        seen = await owner.get("/")
        assert "Accounts on their way" in seen.words
        assert f"{member.handle} " in seen.words
        assert words in seen.words
        assert ('<progress max="100" value="25"' in seen.text) == (state == "running")
        assert "home.move" not in seen.text


async def test_reports_that_wait_are_told(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    assert "waits for you" not in (await owner.get("/")).words
    await house.box.post(
        "com.atproto.moderation.createReport",
        ann.access,
        reasonType="com.atproto.moderation.defs#reasonRude",
        subject={"$type": "com.atproto.admin.defs#repoRef", "did": ann.did},
    )
    assert "One report waits for you" in (await owner.get("/")).words
