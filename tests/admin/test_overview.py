"""How everything is doing."""

from appliance.admin.overview import MOVE_SHOWN_SECONDS
from tests.support.panel_house import House


async def test_roles_that_do_not_answer_are_named(house: House) -> None:
    await house.box.sign_up()
    picture = await house.panel.overview.look()
    states = {part.name: part.state for part in picture.parts}
    assert states == {
        "pds": "running",
        "relay": "silent",
        "labeler": "silent",
        "appview": "silent",
        "directory": "running",
        "neighbours": "silent",
    }
    assert picture.people == 1
    assert (picture.posts, picture.follows) == (None, None)
    assert {one.subject for one in picture.findings if one.level == "bad"} == {
        "Part relay",
        "Part labeler",
        "Part appview",
        "Part neighbours",
    }
    assert all(one.remedy and one.expected for one in picture.findings)


async def test_the_disk_is_told_as_it_was_measured_last(house: House) -> None:
    await house.box.pds.figures.take()
    picture = await house.panel.overview.look()
    kinds = dict(picture.storage.kinds)
    assert kinds["repos"] > 0
    assert picture.storage.used == sum(kinds.values())
    assert 0 < picture.storage.free <= picture.storage.total
    assert [point.value for point in picture.posts_by_day] == [0] * 31
    assert picture.events_by_hour == []


async def test_accounts_on_their_way_are_shown_with_how_far_they_are(house: House) -> None:
    member = await house.box.sign_up()
    about = {"did": member.did, "peer": "https://old.example.com", "step": "blobs"}
    move = {**about, "what": "move-in", "done": 50, "of": 200, "state": "running"}
    await house.box.operate("POST", "internal.hearth.pds.reportMove", **move)
    [shown] = (await house.panel.overview.look()).moves
    assert (shown.name, shown.what, shown.step) == (member.handle, "move-in", "blobs")
    assert (shown.share, shown.state) == (0.25, "running")
    house.clock.advance(120)
    house.box.clock.advance(120)
    [shown] = (await house.panel.overview.look()).moves
    assert (shown.state, "same command" in shown.words) == ("failed", True)
    house.clock.advance(2 * MOVE_SHOWN_SECONDS)
    assert (await house.panel.overview.look()).moves == ()
