"""Gates, threads, counts and times: what a record does wherever and whenever it comes from."""

from typing import Any

from appliance.appview.index import gates
from appliance.atproto.syntax import Datetime
from appliance.base.connection import Connection
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab, StrongRef

YEAR_US = 365 * 86_400 * 1_000_000
THREAD = "app.bsky.unspecced.getPostThreadV2"


def at(us: int) -> str:
    return str(Datetime.from_us(us))


def texts(page: dict[str, Any]) -> list[str]:
    return [
        item["value"]["post"]["record"]["text"]
        for item in page["thread"]
        if "post" in item["value"]
    ]


def test_a_gate_rules_only_under_the_posts_own_key(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    post = lab.post(ann)
    lab.put(ann, "app.bsky.feed.threadgate", {"post": post["uri"], "allow": []}, "3other")
    lab.reply(bob, post)
    assert lab.counts(post)["replies"] == 1


def test_a_gate_made_after_a_reply_leaves_it(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    post = lab.post(ann)
    lab.reply(bob, post)
    lab.threadgate(ann, post, allow=[])
    lab.reply(bob, post)
    assert lab.counts(post)["replies"] == 1


def test_a_repo_fetched_late_rules_the_replies_that_came_before_it(lab: IndexLab) -> None:
    """The reply is indexed first, then the whole repo of the thread's author, gate and all."""
    ann, bob, eve, dan = (lab.account(name) for name in ("ann", "bob", "eve", "dan"))
    start = lab.now_us
    uri = f"at://{ann}/app.bsky.feed.post/3root"
    root = {"uri": uri, "cid": "bafyreih327ygxenbogjp3jdzcz4o7ef2nqpwazfzp4drsbsosv6vrvlf24"}
    lab.now_us += 10_000_000
    for replier in (bob, eve, dan):
        lab.reply(replier, root)
    lab.is_live = False
    lab.put(ann, "app.bsky.feed.post", {"text": "hello", "createdAt": at(start)}, "3root")
    gate = {
        "post": uri,
        "createdAt": at(start),
        "allow": [{"$type": "app.bsky.feed.threadgate#followingRule"}],
    }
    lab.put(ann, "app.bsky.feed.threadgate", gate, "3root")
    lab.follow(ann, bob)
    assert lab.counts(root)["replies"] == 3
    judge(lab, ann)
    assert lab.counts(root)["replies"] == 1
    judge(lab, ann)
    assert lab.counts(root)["replies"] == 1


def test_a_repliers_late_follows_let_their_reply_in(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    root = lab.post(ann)
    lab.threadgate(ann, root, allow=[{"$type": "app.bsky.feed.threadgate#followerRule"}])
    lab.is_live = False
    lab.reply(bob, root)
    lab.follow(bob, ann)
    assert lab.counts(root)["replies"] == 0
    judge(lab, bob)
    assert lab.counts(root)["replies"] == 1


def test_a_postgate_fetched_late_takes_back_the_quote(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    start = lab.now_us
    post = lab.post(ann)
    lab.quote(bob, post)
    lab.is_live = False
    rule = {"$type": "app.bsky.feed.postgate#disableRule"}
    lab.postgate(ann, post, embeddingRules=[rule], createdAt=at(start))
    assert lab.counts(post)["quotes"] == 1
    judge(lab, ann)
    assert lab.counts(post)["quotes"] == 0


def judge(lab: IndexLab, did: str) -> None:
    gates.judge_again(lab.conn, lab.actor(did)["id"])


def test_a_second_like_of_one_pair_neither_counts_nor_takes_the_first_away(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    post = lab.post(ann)
    one, two = lab.like(bob, post), lab.like(bob, post)
    assert lab.counts(post)["likes"] == 1
    lab.delete(one)
    assert lab.counts(post)["likes"] == 1
    lab.delete(two)
    assert lab.counts(post)["likes"] == 0


def test_an_edited_post_keeps_likes_and_quotes_since_both_count_by_address(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    post = lab.put(ann, "app.bsky.feed.post", {"text": "before"}, "3edit")
    lab.like(bob, post)
    lab.quote(bob, post)
    lab.reply(bob, post)
    counts = lab.counts(post)
    edited = lab.put(ann, "app.bsky.feed.post", {"text": "after"}, "3edit")
    assert edited["cid"] != post["cid"]
    assert lab.counts(edited) == counts == {"likes": 1, "reposts": 0, "replies": 1, "quotes": 1}


async def test_backdated_posts_sort_in_the_past_and_dated_ahead_at_arrival(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        lab.post(ann, "now")
        lab.post(ann, "old", createdAt=at(lab.now_us - 2 * YEAR_US))
        lab.post(ann, "next week", createdAt=at(lab.now_us + YEAR_US // 52))
        lab.post(ann, "last")
        return ann

    ann = await house.write(scene)
    feed = (await house.get(ann, "app.bsky.feed.getTimeline"))["feed"]
    told = [item["post"]["record"]["text"] for item in feed]
    assert told == ["last", "next week", "now", "old"]


def test_nothing_that_comes_with_a_whole_repo_tells_anybody(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    post = lab.post(ann)
    lab.is_live = False
    lab.like(bob, post)
    lab.repost(bob, post)
    lab.reply(bob, post)
    lab.quote(bob, post)
    lab.follow(bob, ann)
    facet = {
        "index": {"byteStart": 0, "byteEnd": 3},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": ann}],
    }
    lab.post(bob, "ann", facets=[facet])
    assert lab.told(ann) == []


def test_a_like_through_a_repost_tells_author_and_reposter(lab: IndexLab) -> None:
    ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
    post = lab.post(ann)
    repost = lab.repost(bob, post)
    lab.like(eve, post, via=repost)
    lab.repost(eve, post, via=repost)
    assert [reason for reason, *_ in lab.told(ann)][1:] == ["like", "repost"]
    assert [reason for reason, *_ in lab.told(bob)] == ["like-via-repost", "repost-via-repost"]


def test_a_via_of_another_post_tells_only_the_author(lab: IndexLab) -> None:
    ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
    other = lab.repost(bob, lab.post(ann))
    lab.like(eve, lab.post(ann), via=other)
    assert lab.told(bob) == []


async def test_a_pin_counts_only_if_it_is_the_authors_own_post(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, StrongRef]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.profile(ann, "Ann", pinnedPost=lab.post(bob))
        own = lab.post(bob, "mine")
        lab.profile(bob, "Bob", pinnedPost=own)
        return ann, bob, own

    ann, bob, own = await house.write(scene)
    assert "pinnedPost" not in await house.get(None, "app.bsky.actor.getProfile", actor=ann)
    assert (await house.get(None, "app.bsky.actor.getProfile", actor=bob))["pinnedPost"] == own


async def test_the_places_in_the_ops_own_thread_are_numbered(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(ann, "1")
        second = lab.reply(ann, root, text="2")
        lab.reply(bob, second, root, "aside")
        lab.reply(ann, second, root, "3")
        return root["uri"]

    uri = await house.write(scene)
    items = (await house.get(None, THREAD, anchor=uri))["thread"]
    found = {
        item["value"]["post"]["record"]["text"]: (
            item["value"].get("opThreadPostIndex"),
            item["value"].get("opThreadPostCount"),
        )
        for item in items
    }
    assert found == {"1": (1, 3), "2": (2, 3), "3": (3, 3), "aside": (None, None)}


UNSPACED = ("今日は天気がいいですね", "ไปเที่ยวทะเลกันไหม", "오늘날씨가좋네요", "plain words")


async def test_words_are_found_in_writing_without_spaces(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> None:
        ann = lab.account("ann")
        lab.profile(ann, "山田太郎")
        for text in (
            "今日は天気がいいですね",
            "ไปเที่ยวทะเลกันไหม",
            "오늘날씨가좋네요",
            "plain words",
        ):
            lab.post(ann, text)

    await house.write(scene)

    async def count(query: str) -> int:
        return len((await house.get(None, "app.bsky.feed.searchPosts", q=query))["posts"])

    for query in ("天気", "天", "ね", "今日は天気", "ทะเล", "날씨", "plain", '"がいい"'):
        assert await count(query) == 1, query
    for query in ("気天", "海", "気がよい"):
        assert await count(query) == 0, query
    people = "app.bsky.actor.searchActorsTypeahead"
    for typed in ("山", "山田", "太郎"):
        assert len((await house.get(None, people, q=typed))["actors"]) == 1, typed


def set_status(conn: Connection, did: str, status: str) -> None:
    conn.execute("UPDATE actor SET status = ? WHERE did = ?", (status, did))


async def test_a_deactivated_account_leaves_posts_likes_and_lists(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, StrongRef]:
        ann, bob = lab.account("ann"), lab.account("bob")
        post = lab.post(ann)
        lab.like(bob, post)
        lab.follow(bob, ann)
        lab.reply(bob, post, text="gone")
        return ann, bob, post

    ann, bob, post = await house.write(scene)
    for status, name in (
        ("deactivated", "AccountDeactivated"),
        ("suspended", "AccountTakedown"),
        ("takendown", "AccountTakedown"),
        ("deleted", "InvalidRequest"),
    ):
        await house.role.index.write(set_status, bob, status)
        refused = await house.refused(None, "app.bsky.actor.getProfile", actor=bob)
        assert refused == (400, name)
        assert texts(await house.get(None, THREAD, anchor=post["uri"])) == ["hello"]
        likes = await house.get(None, "app.bsky.feed.getLikes", uri=post["uri"])
        followers = await house.get(None, "app.bsky.graph.getFollowers", actor=ann)
        assert (likes["likes"], followers["followers"]) == ([], [])
