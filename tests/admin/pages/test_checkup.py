"""The doctor's page: asked to look, it tells how far it is, then what was found."""

import asyncio

import pytest

from appliance.base.connection import Connection
from appliance.pds.doctor.doctor import Doctor
from appliance.upkeep.again import Again
from appliance.upkeep.checkup import Finding
from tests.support.panel_house import House
from tests.support.waiting import until

FAULT = Finding("Name x.example", "bad", "seen <b>so</b>", "expected", "do this", "dns-name")


async def test_before_the_first_look_the_page_offers_one(house: House) -> None:
    owner = await house.claim()
    assert "Checkup" in (await owner.get("/more")).words
    seen = await owner.get("/checkup")
    assert "Nobody has looked since the last start" in seen.words
    assert "Look now" in seen.words


async def test_while_it_looks_the_page_says_at_what_and_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, done = asyncio.Event(), asyncio.Event()

    async def slow(self: Doctor) -> list[Finding]:
        self.last.step = "certificate"
        going.set()
        await done.wait()
        return [FAULT]

    monkeypatch.setattr(Doctor, "_look", slow)
    owner = await house.claim()
    await owner.get("/checkup")
    assert (await owner.post("/checkup")).location == "/checkup"
    await going.wait()
    seen = await owner.get("/checkup")
    assert "Looking at the certificate." in seen.words
    assert seen.headers["Refresh"] == "2"
    assert (await owner.post("/checkup")).location == "/checkup"
    done.set()
    await house.box.pds.doctor.examine()
    seen = await owner.get("/checkup")
    assert "Refresh" not in seen.headers
    assert "seen <b>so</b>" in seen.words
    assert "do this" in seen.words
    assert "Look again" in seen.words
    # The home page tells of it, too.
    assert "Name x.example" in (await owner.get("/")).words


async def test_only_the_owner_has_everything_looked_over(house: House) -> None:
    await house.claim()
    stranger = house.visitor()
    assert (await stranger.get("/checkup")).location.startswith("/sign-in")
    assert (await stranger.post("/checkup")).status == 403
    assert house.box.pds.doctor.last.ended == 0


async def test_what_waits_is_tried_again_when_its_owner_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Finding("Certificate", "bad", "refused", "one", "do this", "certificate-failed")

    async def found(self: Doctor) -> list[Finding]:
        return [failed]

    monkeypatch.setattr(Doctor, "_look", found)
    owner = await house.claim()
    assert "Try again now" not in (await owner.get("/checkup")).words
    await house.box.pds.doctor.examine()
    assert "Try again now" in (await owner.get("/checkup")).words
    again = Again(house.settings.paths.data)
    assert (await owner.post("/checkup/again")).location == "/checkup"
    assert await again.wait(60)
    assert (await owner.post("/setup/reach/again")).location == "/setup/reach/seen"
    assert await again.wait(60)
    assert (await house.visitor().post("/checkup/again")).status == 403
    assert not await again.wait(0)


async def test_a_record_that_is_damaged_on_the_disk_is_put_right_by_one_press(
    house: House,
) -> None:
    owner = await house.claim()
    member = await house.box.sign_up()
    post = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    given = {"repo": member.did, "collection": post["$type"], "record": post}
    answer = await house.box.post("com.atproto.repo.createRecord", member.access, **given)
    doctor = house.box.pds.doctor

    def damage(conn: Connection) -> None:
        conn.execute("UPDATE record SET block = x'a0'")

    await doctor.mending._db.write(damage)
    assert "Mend what is damaged" not in (await owner.get("/checkup")).words
    await doctor.examine()
    seen = await owner.get("/checkup")
    assert answer.json["uri"] in seen.words
    assert "Mend what is damaged" in seen.words
    assert (await house.visitor().post("/checkup/mend")).status == 403
    # Also while somebody looks: it begins after that.
    async with doctor._looking():
        assert (await owner.post("/checkup/mend")).location == "/checkup"
    assert doctor.last.is_running
    await until(lambda: doctor.mending.known.mended and not doctor.last.is_running)
    seen = await owner.get("/checkup")
    assert "1 put right" in seen.words
    assert "Mend what is damaged" not in seen.words
