"""Rows of very many that a page passes over are not read, and gates and authors not one by one."""

from typing import Any

import pytest

from tests.appview.test_costly_answers import FAT, actor_ids, crowd
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab


def rows_read(house: AppViewHouse, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many rows each read of the index gives from now on."""
    counts: list[int] = []
    read = house.role.index.read

    def count(sql: str, *args: Any) -> Any:
        rows = read(sql, *args)
        counts.append(len(rows))
        return rows

    monkeypatch.setattr(house.role.index, "read", count)
    return counts


async def test_gates_of_a_page_are_read_together(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, list[str]]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2'")
        people = lab.make_list(ann)
        lab.add_to_list(ann, people, bob)
        by_list = {"$type": "app.bsky.feed.threadgate#listRule", "list": people["uri"]}
        by_word = {"$type": "app.bsky.feed.threadgate#mentionRule"}
        mention = {"$type": "app.bsky.richtext.facet#mention", "did": bob}
        facets = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [mention]}]
        posts = []
        for at in range(30):
            post = lab.post(ann, "hello", **({"facets": facets} if at % 3 == 0 else {}))
            lab.threadgate(ann, post, allow=[by_list if at % 2 == 0 else by_word])
            posts.append(post["uri"])
        return ann, bob, posts

    ann, bob, posts = await house.write(scene)
    reads = rows_read(house, monkeypatch)
    page = await house.get(bob, "app.bsky.feed.getAuthorFeed", actor=ann, limit=100)
    closed = {item["post"]["uri"]: item["post"]["viewer"]["replyDisabled"] for item in page["feed"]}
    assert closed == {uri: at % 2 == 1 and at % 3 != 0 for at, uri in enumerate(posts)}
    assert len(reads) < 30


async def test_notifications_of_one_kind_among_very_many_others(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = 4_000

    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        post = lab.post(ann, "hello")
        told = lab.repost(bob, post)
        ids = actor_ids(lab, [ann, bob])
        rows = [
            (ids[0], ids[1], at, f"at://{bob}/app.bsky.feed.like/3{at}", f'"{FAT[:4000]}"')
            for at in range(others)
        ]
        lab.conn.executemany(
            "INSERT INTO notification (target_id, author_id, reason, uri, cid, sort_us, record)"
            " VALUES (?1, ?2, 'like', ?4, '', ?3 + 1900000000000000, ?5)",
            rows,
        )
        return ann, told["uri"]

    ann, told = await house.write(scene)
    rows = rows_read(house, monkeypatch)
    page = await house.get(
        ann, "app.bsky.notification.listNotifications", reasons=["repost"], limit=100
    )
    assert [each["uri"] for each in page["notifications"]] == [told]
    assert sum(rows) < 100
    # Further than a request goes at once, but on.
    page = await house.get(
        ann, "app.bsky.notification.listNotifications", reasons=["repost"], limit=1
    )
    while not page["notifications"]:
        page = await house.get(
            ann,
            "app.bsky.notification.listNotifications",
            reasons=["repost"],
            limit=1,
            cursor=page["cursor"],
        )
    assert page["notifications"][0]["uri"] == told


async def test_a_hashtag_of_very_many_people_shows_a_few(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = 300

    def scene(lab: IndexLab) -> None:
        dids = crowd(lab, people)
        lab.flushes = False
        for did in dids:
            lab.post(did, "#fox", tags=["fox"])

    await house.write(scene)
    house.clock.advance(2 * people)
    rows = rows_read(house, monkeypatch)
    page = await house.get(None, "app.bsky.unspecced.getTrends")
    assert [trend["postCount"] for trend in page["trends"]] == [people]
    assert len(page["trends"][0]["actors"]) == 5
    assert sum(rows) < 100
