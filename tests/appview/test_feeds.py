"""Feeds by rule: what they hold, for whom, in which order, and how a page goes on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.appview.feeds.rules import FIRST, FeedRule, InvalidFeed
from appliance.appview.skeletons.feeds import Reading, rule_feed
from appliance.appview.skeletons.slices import NEWEST
from appliance.base.connection import Connection
from appliance.base.database import Database
from tests.support.index_lab import SCHEMA, START_US, IndexLab

HOME = "https://home.test"
IMAGE = {
    "$type": "app.bsky.embed.images",
    "images": [
        {
            "alt": "",
            "image": {
                "$type": "blob",
                "ref": {"$link": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
                "mimeType": "image/png",
                "size": 9,
            },
        }
    ],
}


class Index:
    """An index with some people, two of whom are at home here."""

    def __init__(self, db: Database, now_us: int) -> None:
        self.db = db
        self.now_us = now_us

    async def feed(
        self, reader: str | None = None, limit: int = 50, **rule: Any
    ) -> tuple[list[str], bool]:
        """Give the last parts of the addresses in a feed, and whether there is more."""
        made = FeedRule.parse({"name": "x", "title": "X", **rule})
        row = self.db.read_one("SELECT id FROM actor WHERE did = ?", reader or "")
        reading = Reading(None if row is None else row[0], HOME, self.now_us)
        found: list[str] = []
        before = NEWEST
        for _ in range(20):
            part = await rule_feed(self.db, made, reading, before, limit)
            found += [post.uri.rpartition("/")[2] for post in part.rows]
            if part.after is None:
                return found, False
            before = part.after
        return found, True


def _people(conn: Connection) -> int:
    lab = IndexLab(conn)
    ann, bob, far, fan = (lab.account(name) for name in ("ann", "bob", "far", "fan"))
    conn.execute("UPDATE actor SET pds = ? WHERE did IN (?, ?)", (HOME, ann, bob))

    def post(did: str, rkey: str, text: str = "hello", **fields: Any) -> dict[str, str]:
        return lab.put(did, "app.bsky.feed.post", {"text": text, **fields}, rkey)

    first = post(ann, "ann1", "a cat sleeps", langs=["en"])
    post(ann, "photo", "look", embed=IMAGE)
    post(bob, "bob1", "eine Katze", langs=["de-AT"])
    post(bob, "reply", "no", reply={"root": first, "parent": first})
    post(far, "far1", "the cat naps #cats", tags=["Cats"], langs=["en-GB"])
    post(fan, "fan1", "dogs and birds", tags=["birds"])
    for who in (bob, far, fan):
        lab.like(who, first)
    lab.follow(ann, bob)
    lab.follow(bob, far)
    lab.follow(bob, ann)
    lab.follow(far, fan)
    return lab.now_us


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    async with await Database.open(tmp_path / "index.sqlite", SCHEMA) as db:
        yield Index(db, await db.write(_people))


async def test_everyone_here_are_members_newest_first_without_replies(index: Index) -> None:
    assert await index.feed(kind="everyone") == (["bob1", "photo", "ann1"], False)
    with_replies, _ = await index.feed(kind="everyone", withReplies=True)
    assert with_replies == ["reply", "bob1", "photo", "ann1"]
    everywhere, _ = await index.feed(kind="everyone", scope="all")
    assert everywhere == ["fan1", "far1", "bob1", "photo", "ann1"]


async def test_photos_here_have_pictures(index: Index) -> None:
    assert await index.feed(kind="photos") == (["photo"], False)
    assert (await index.feed(kind="everyone", mediaOnly=True))[0] == ["photo"]


async def test_friends_of_friends_are_those_one_does_not_follow_yet(index: Index) -> None:
    ann, bob = "did:plc:" + "ann".ljust(24, "a"), "did:plc:" + "bob".ljust(24, "a")
    assert (await index.feed(ann, kind="friends"))[0] == ["far1"]
    assert (await index.feed(bob, kind="friends"))[0] == ["fan1"]
    assert await index.feed(None, kind="friends") == ([], False)
    assert await index.feed("did:plc:stranger", kind="friends") == ([], False)


async def test_hashtags_and_words_find_posts_of_everybody(index: Index) -> None:
    assert (await index.feed(kind="hashtags", words=["#CATS", "birds"]))[0] == ["fan1", "far1"]
    assert (await index.feed(kind="hashtags", words=["cats"], scope="here"))[0] == []
    assert (await index.feed(kind="words", words=["cat"]))[0] == ["far1", "ann1"]
    phrases = ["cat naps", "Katze"]
    assert (await index.feed(kind="words", words=phrases))[0] == ["far1", "bob1"]
    quoted = ['cat" OR "dogs']
    assert (await index.feed(kind="words", words=quoted))[0] == []


async def test_conditions_narrow_a_feed(index: Index) -> None:
    assert (await index.feed(kind="everyone", scope="all", minLikes=3))[0] == ["ann1"]
    assert (await index.feed(kind="everyone", scope="all", minLikes=4))[0] == []
    english: dict[str, Any] = {"kind": "everyone", "scope": "all", "languages": ["EN"]}
    assert (await index.feed(**english))[0] == ["far1", "ann1"]
    assert (await index.feed(kind="everyone", languages=["de"]))[0] == ["bob1"]
    index.now_us += 3600 * 1_000_000 - 10_500_000
    assert (await index.feed(kind="everyone", maxAgeHours=1))[0] == ["bob1"]
    index.now_us += 3600 * 1_000_000
    assert (await index.feed(kind="everyone", maxAgeHours=1))[0] == []


async def test_pages_follow_each_other_without_gap_or_repetition(index: Index) -> None:
    def more(conn: Connection) -> None:
        lab = IndexLab(conn)
        lab.now_us = START_US + 1000 * 1_000_000
        lab._made = 1000
        ann = conn.value("SELECT did FROM actor WHERE did LIKE '%ann%'")
        far = conn.value("SELECT did FROM actor WHERE did LIKE '%far%'")
        for number in range(700):
            lab.post(far if number % 10 else ann, f"cat {number}", tags=["many"])

    await index.db.write(more)
    for rule, count in (
        ({"kind": "everyone"}, 73),
        ({"kind": "everyone", "scope": "all"}, 705),
        ({"kind": "hashtags", "words": ["many"]}, 700),
        ({"kind": "hashtags", "words": ["many"], "scope": "here"}, 70),
        ({"kind": "words", "words": ["cat"]}, 702),
    ):
        whole, is_more = await index.feed(limit=100, **rule)
        assert (len(whole), len(set(whole)), is_more) == (count, count, False), rule
        small, _ = await index.feed(limit=37, **rule)
        assert small == whole[: len(small)]


async def test_a_page_of_a_feed_that_little_fits_is_short_and_goes_on(index: Index) -> None:
    def more(conn: Connection) -> None:
        lab = IndexLab(conn)
        lab._made = 5000
        far = conn.value("SELECT did FROM actor WHERE did LIKE '%far%'")
        lab.now_us = START_US + 10_000 * 1_000_000
        for number in range(900):
            lab.post(far, str(number))

    await index.db.write(more)
    rule = FeedRule.parse(
        {"name": "x", "title": "X", "kind": "everyone", "scope": "all", "minLikes": 3}
    )
    reading = Reading(None, HOME, index.now_us)
    part = await rule_feed(index.db, rule, reading, NEWEST, 10)
    assert (part.rows, part.after is not None) == ([], True)
    assert (await index.feed(kind="everyone", scope="all", minLikes=3, limit=10))[0] == ["ann1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Has Spaces"},
        {"name": "-edge"},
        {"name": "x" * 16},
        {"title": "  "},
        {"kind": "hashtags"},
        {"kind": "hashtags", "words": ["two words"]},
        {"kind": "hashtags", "words": ["#"]},
        {"kind": "words", "words": ["!?"]},
        {"kind": "everyone", "words": ["cats"]},
    ],
)
def test_rules_that_make_no_feed_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidFeed):
        FeedRule.parse({"name": "x", "title": "X", "kind": "everyone", **wrong})


def test_a_rule_is_kept_as_it_was_made() -> None:
    for rule in FIRST:
        assert FeedRule.parse(rule.as_json()) == rule
    full = FeedRule.parse(
        {
            "name": "a-1",
            "title": " A ",
            "kind": "hashtags",
            "words": ["#Cats", "cats", "Straße"],
            "languages": ["de-AT", "de-at"],
            "maxAgeHours": 3,
            "minLikes": 2,
        }
    )
    assert full.words == ("cats", "strasse")
    assert full.languages == ("de-at",)
    assert FeedRule.parse(full.as_json()) == full
