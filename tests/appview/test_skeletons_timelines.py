"""The two plans of a timeline give the same rows."""

import random

import pytest

from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.skeletons import timelines
from appliance.appview.skeletons.slices import NEWEST, Position
from appliance.base.database import Connection
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab


async def test_gathering_by_account_gives_what_reading_newest_first_gives(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)  # noqa: S311

    def scene(lab: IndexLab) -> tuple[int, list[int]]:
        names = [f"user{number}" for number in range(8)]
        dids = [lab.account(name) for name in names]
        for target in dids[:6]:  # and oneself, as some do
            lab.follow(dids[0], target)
        for _ in range(120):
            writer = chance.choice(dids)
            post = lab.post(writer)
            if chance.random() < 0.3:
                lab.repost(chance.choice(dids), post)
        ids = [lab.actor(did)["id"] for did in dids]
        return ids[0], ids[:6]

    viewer, followed = await house.write(scene)

    def newest_first(conn: Connection) -> list[FeedItem]:
        rows = conn.rows(
            "SELECT sort_us, id, actor_id, post_id FROM feed_item ORDER BY sort_us DESC, id DESC"
        )
        return [FeedItem(*row) for row in rows if row[2] in followed]

    index = house.role.index
    wanted = await index.scan(newest_first)
    for most_at_once, limit in ((100, 1), (100, 7), (100, 50), (0, 1), (0, 7), (0, 50)):
        monkeypatch.setattr(timelines, "MOST_AT_ONCE", most_at_once)
        found: list[FeedItem] = []
        place: Position | None = NEWEST
        while place is not None:
            part = await timelines._gathered(
                index, "followed", viewer, (place, limit), with_reposts=True
            )
            assert part.rows == (await timelines.timeline(index, viewer, place, limit)).rows
            found += part.rows
            place = part.after
        assert found == wanted


async def test_rows_of_the_same_moment_are_neither_lost_nor_repeated(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        for number in range(6):
            lab.post(ann, str(number), createdAt="2020-01-01T00:00:00Z")
        return ann

    ann = await house.write(scene)
    texts: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = await house.get(ann, "app.bsky.feed.getTimeline", limit=2, **cursor)
        texts += [item["post"]["record"]["text"] for item in page["feed"]]
        cursor = {"cursor": page["cursor"]} if "cursor" in page else {}
    assert sorted(texts) == ["0", "1", "2", "3", "4", "5"]
    assert cursor == {}
