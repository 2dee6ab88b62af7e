"""Figures of each day, as they are taken and given."""

from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.tid import Tid
from appliance.pds import record_sizes
from appliance.pds.figures import FREE, MEMBERS, POSTS
from appliance.upkeep.storage import measure
from tests.support.pds_box import Box, Member

DAY_SECONDS = 86_400


async def post(box: Box, member: Member, days_ago: float) -> None:
    now = box.clock.now_us() - int(days_ago * DAY_SECONDS * 1_000_000)
    record = {"$type": "app.bsky.feed.post", "text": "x", "createdAt": "2026-01-01T00:00:00Z"}
    made = await box.post(
        "com.atproto.repo.createRecord",
        member.access,
        repo=member.did,
        collection="app.bsky.feed.post",
        rkey=Tid.from_us(now),
        record=record,
    )
    assert made.status == 200, made


async def figures(box: Box, days: int = 31) -> dict[str, dict[str, int]]:
    told = await box.operate("GET", "internal.hearth.pds.listFigures", days=days)
    found: dict[str, dict[str, int]] = {}
    for one in told.json["figures"]:
        found.setdefault(one["name"], {})[one["day"]] = one["value"]
    return found


async def test_posts_are_counted_by_day_also_for_days_gone_by(box: Box, alice: Member) -> None:
    for days_ago in (0, 0.0001, 3):
        await post(box, alice, days_ago)
    await box.pds.figures.take()
    posts = (await figures(box))[POSTS]
    assert (len(posts), sum(posts.values())) == (31, 3)
    days = sorted(posts)
    assert (posts[days[-1]], posts[days[-4]]) == (2, 1)
    # What was counted for a day long gone stays, whatever becomes of its posts.
    box.clock.advance(40 * DAY_SECONDS)
    await box.pds.lifecycle.delete(alice.did)
    await box.pds.figures.take()
    later = (await figures(box, 80))[POSTS]
    assert (later[days[-1]], later[days[-4]], sum(later.values())) == (2, 1, 3)
    assert {len(days) for days in (await figures(box, 1)).values()} == {1}


async def test_members_and_bytes_are_of_the_day_they_were_taken(box: Box, alice: Member) -> None:
    await box.pds.figures.take()
    box.clock.advance(DAY_SECONDS)
    await box.sign_up("bob")
    await box.pds.figures.take()
    found = await figures(box)
    assert list(found[MEMBERS].values()) == [1, 2]
    assert all(value > 0 for value in found["bytes.repos"].values())
    assert min(found[FREE].values()) > 0


async def test_who_keeps_most_comes_first(box: Box, alice: Member) -> None:
    bob = await box.sign_up("bob")
    await post(box, alice, 0)
    for size, kind in ((1000, "text/plain"), (500, "video/mp4")):
        sent: dict[str, Any] = {"data": b"x" * size, "headers": {"Content-Type": kind}}
        path = "/xrpc/com.atproto.repo.uploadBlob"
        assert (await box.ask("POST", path, token=bob.access, **sent)).status == 200
    await box.pds.figures.take()
    first, second = await storage(box)
    assert first == {
        "did": bob.did,
        "handle": "bob.test",
        "records": 0,
        "recordBytes": 0,
        "blobs": 2,
        "bytes": 1500,
        "videoBytes": 500,
    }
    assert (second["handle"], second["records"], second["bytes"]) == ("alice.test", 1, 0)
    [row] = await box.pds.figures._db.scan(lambda conn: conn.rows("SELECT path, block FROM record"))
    assert second["recordBytes"] == len(row[0]) + len(row[1])


async def storage(box: Box) -> list[dict[str, Any]]:
    told = await box.operate("GET", "internal.hearth.pds.listStorage")
    accounts: list[dict[str, Any]] = told.json["accounts"]
    return accounts


async def test_what_was_written_is_added_up_where_something_has_changed(
    box: Box, alice: Member
) -> None:
    bob = await box.sign_up("bob")
    db = box.pds.figures._db
    await post(box, alice, 0)
    await box.pds.figures.take()
    assert await db.scan(record_sizes.added_up, 0) == []
    await post(box, bob, 0)
    assert len(await db.scan(record_sizes.added_up, 0)) == 1
    await box.pds.figures.take()
    assert [one["records"] for one in await storage(box)] == [1, 1]
    await box.pds.lifecycle.delete(alice.did)
    await box.pds.figures.take()
    assert len(await db.scan(record_sizes.known)) == 1
    assert [one["handle"] for one in await storage(box)] == ["bob.test"]


async def test_many_repos_are_added_up_a_few_at_a_time(
    box: Box, alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_sizes, "REPOS_AT_ONCE", 1)
    for name in ("bob", "carol"):
        await post(box, await box.sign_up(name), 0)
    await box.pds.figures.take()
    assert sorted(one["records"] for one in await storage(box)) == [0, 1, 1]


def test_what_the_folder_holds_is_told_by_kind(tmp_path: Path) -> None:
    data, blobs, backups = tmp_path / "data", tmp_path / "data" / "blobs", tmp_path / "backups"
    for path, size in (
        (data / "pds.sqlite", 10),
        (data / "pds.sqlite-wal", 5),
        (data / "viewers.sqlite", 3),
        (data / "appview.sqlite", 4),
        (data / "relay.sqlite", 6),
        (data / "directory.sqlite", 1),
        (data / "secrets" / "key", 2),
        (blobs / "ab" / "c", 7),
        (backups / "data" / "x", 9),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    (data / "loop").symlink_to(data)
    storage = measure(data, blobs, str(backups))
    assert storage.kinds == {
        "repos": 15,
        "pictures": 7,
        "index": 7,
        "relay": 6,
        "other": 3,
        "backups": 9,
    }
    assert storage.used == 47
    assert 0 < storage.free <= storage.total
    assert measure(data, blobs, "s3:elsewhere").kinds["backups"] == 0
    assert measure(tmp_path, tmp_path / "none", "").used == 47
