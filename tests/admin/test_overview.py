"""How everything is doing."""

from pathlib import Path

from appliance.admin.overview import MOVE_SHOWN_SECONDS, STORAGE_SECONDS, measure
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
    }
    assert picture.people == 1
    assert (picture.posts, picture.follows) == (None, None)
    assert {one.subject for one in picture.findings if one.level == "bad"} == {
        "Part relay",
        "Part labeler",
        "Part appview",
    }
    assert all(one.remedy and one.expected for one in picture.findings)


async def test_the_disk_is_measured_once_a_minute(house: House) -> None:
    before = (await house.panel.overview.look()).storage
    (house.settings.paths.data / "blobs").mkdir(exist_ok=True)
    (house.settings.paths.data / "blobs" / "new").write_bytes(b"x" * 5000)
    assert (await house.panel.overview.look()).storage == before
    house.clock.advance(STORAGE_SECONDS + 1)
    assert (await house.panel.overview.look()).storage.blobs == before.blobs + 5000


def test_storage_tells_databases_from_uploads(tmp_path: Path) -> None:
    (tmp_path / "pds.sqlite").write_bytes(b"x" * 10)
    (tmp_path / "pds.sqlite-wal").write_bytes(b"x" * 5)
    (tmp_path / "hearth.toml").write_bytes(b"x" * 100)
    (tmp_path / "blobs" / "ab").mkdir(parents=True)
    (tmp_path / "blobs" / "ab" / "c").write_bytes(b"x" * 7)
    storage = measure(tmp_path)
    assert (storage.databases, storage.blobs, storage.used) == (15, 7, 22)
    assert 0 < storage.free <= storage.total


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
