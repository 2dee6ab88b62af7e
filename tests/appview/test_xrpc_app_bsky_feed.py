"""app.bsky.feed.*: timelines and the feeds of one account."""

from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

TIMELINE = "app.bsky.feed.getTimeline"
AUTHOR = "app.bsky.feed.getAuthorFeed"


def texts(page: dict[str, list[dict[str, dict[str, dict[str, str]]]]]) -> list[str]:
    return [item["post"]["record"]["text"] for item in page["feed"]]


async def test_the_timeline_holds_posts_of_those_followed_and_own_ones(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        lab.post(bob, "from bob")
        lab.post(eve, "from eve")
        lab.post(ann, "from ann")
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, TIMELINE)
    assert texts(page) == ["from ann", "from bob"]
    assert "cursor" not in page


async def test_the_timeline_pages_without_gap_or_repeat(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.follow(ann, bob)
        for number in range(7):
            lab.post(bob, str(number))
        return ann

    ann = await house.write(scene)
    found, cursor = [], None
    for _ in range(3):
        page = await house.get(ann, TIMELINE, limit=3, **({"cursor": cursor} if cursor else {}))
        found += texts(page)
        cursor = page.get("cursor")
    assert found == ["6", "5", "4", "3", "2", "1", "0"]
    assert cursor is None


async def test_a_viewer_who_follows_few_of_many_still_sees_a_full_page(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        for number in range(5):
            lab.post(bob, f"bob {number}")
        for number in range(150):
            lab.post(eve, f"eve {number}")
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, TIMELINE, limit=3)
    assert texts(page) == ["bob 4", "bob 3", "bob 2"]
    rest = await house.get(ann, TIMELINE, limit=3, cursor=page["cursor"])
    assert texts(rest) == ["bob 1", "bob 0"]
    assert "cursor" not in rest


async def test_a_repost_names_who_brought_it(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        lab.repost(bob, lab.post(eve, "from eve"))
        return ann, bob

    ann, bob = await house.write(scene)
    (item,) = (await house.get(ann, TIMELINE))["feed"]
    assert item["post"]["record"]["text"] == "from eve"
    assert item["post"]["repostCount"] == 1
    assert item["reason"]["$type"] == "app.bsky.feed.defs#reasonRepost"
    assert item["reason"]["by"]["did"] == bob


async def test_a_deleted_post_leaves_the_timeline(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        lab.delete(lab.post(ann, "gone"))
        lab.post(ann, "here")
        return ann

    assert texts(await house.get(await house.write(scene), TIMELINE)) == ["here"]


async def test_a_reply_shows_its_parent_its_root_and_the_author_above(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(bob, "root")
        middle = lab.reply(ann, root, text="middle")
        lab.reply(ann, middle, root, text="last")
        return ann, bob

    ann, bob = await house.write(scene)
    item = (await house.get(ann, TIMELINE))["feed"][0]
    assert item["post"]["record"]["text"] == "last"
    assert item["reply"]["root"]["record"]["text"] == "root"
    assert item["reply"]["parent"]["record"]["text"] == "middle"
    assert item["reply"]["grandparentAuthor"]["did"] == bob


async def test_a_reply_to_a_missing_post_says_so(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        parent = lab.post(bob, "gone")
        lab.reply(ann, parent, text="answer")
        lab.delete(parent)
        return ann, parent["uri"]

    ann, uri = await house.write(scene)
    (item,) = (await house.get(ann, TIMELINE))["feed"]
    assert item["reply"]["parent"] == {
        "$type": "app.bsky.feed.defs#notFoundPost",
        "uri": uri,
        "notFound": True,
    }


async def test_blocks_either_way_and_mutes_empty_the_timeline(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        cat, dan = lab.account("cat"), lab.account("dan")
        for other in (bob, cat, dan):
            lab.follow(ann, other)
            lab.post(other, other)
        lab.block(ann, bob)
        lab.block(cat, ann)
        return ann, bob, cat, dan

    ann, _, _, dan = await house.write(scene)
    assert texts(await house.get(ann, TIMELINE)) == [dan]
    await house.post(ann, "app.bsky.graph.muteActor", actor="dan.test")
    assert texts(await house.get(ann, TIMELINE)) == []


async def test_a_partial_mute_hides_reposts_only(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        lab.repost(bob, lab.post(eve, "from eve"))
        lab.post(bob, "own")
        return ann

    ann = await house.write(scene)
    body = {"actor": "bob.test", "onlyReposts": True}
    await house.post(ann, "app.bsky.graph.muteActor", **body)
    assert texts(await house.get(ann, TIMELINE)) == ["own"]


async def test_the_timeline_leaves_out_answers_to_the_blocked(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        post = lab.post(eve, "from eve")
        lab.reply(bob, post, text="to eve")
        lab.post(bob, "to all")
        lab.block(ann, eve)
        return ann

    assert texts(await house.get(await house.write(scene), TIMELINE)) == ["to all"]


async def test_the_filters_of_an_author_feed(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(ann, "root")
        lab.reply(ann, root, text="to self")
        other = lab.post(bob, "of bob")
        lab.reply(ann, other, text="to bob")
        lab.repost(ann, other)
        image = {
            "$type": "blob",
            "ref": {"$link": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"},
            "mimeType": "image/png",
            "size": 3,
        }
        embed = {"$type": "app.bsky.embed.images", "images": [{"alt": "a cat", "image": image}]}
        lab.post(ann, "picture", embed=embed)
        return ann

    await house.write(scene)
    expected = {
        "posts_with_replies": ["picture", "of bob", "to bob", "to self", "root"],
        "posts_no_replies": ["picture", "of bob", "root"],
        "posts_and_author_threads": ["picture", "of bob", "to self", "root"],
        "posts_with_media": ["picture"],
        "posts_with_video": [],
    }
    for name, wanted in expected.items():
        page = await house.get(None, AUTHOR, actor="ann.test", filter=name)
        assert texts(page) == wanted, name
    (item,) = (await house.get(None, AUTHOR, actor="ann.test", filter="posts_with_media"))["feed"]
    (image,) = item["post"]["embed"]["images"]
    assert image["alt"] == "a cat"
    assert "/img/feed_thumbnail/plain/did:plc:" in image["thumb"]


async def test_a_pinned_post_comes_first_and_once(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        pinned = lab.post(ann, "pinned")
        lab.post(ann, "newer")
        lab.profile(ann, "Ann", pinnedPost=pinned)
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, AUTHOR, actor=ann, includePins=True)
    assert texts(page) == ["pinned", "newer"]
    assert page["feed"][0]["reason"] == {"$type": "app.bsky.feed.defs#reasonPin"}
    assert page["feed"][0]["post"]["viewer"]["pinned"] is True
    assert texts(await house.get(ann, AUTHOR, actor=ann)) == ["newer", "pinned"]
    first = await house.get(ann, AUTHOR, actor=ann, includePins=True, limit=1)
    rest = await house.get(ann, AUTHOR, actor=ann, includePins=True, cursor=first["cursor"])
    assert texts(first) + texts(rest) == ["pinned", "newer"]


async def test_a_blocked_authors_feed_is_refused_by_name(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.block(ann, bob)
        return ann, bob

    ann, bob = await house.write(scene)
    assert await house.refused(ann, AUTHOR, actor=bob) == (400, "BlockedActor")
    assert await house.refused(bob, AUTHOR, actor=ann) == (400, "BlockedByActor")


async def test_a_malformed_cursor_is_an_invalid_request(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    for cursor in ("x", "1::2", "1_", "9" * 40 + "_1", "1700000000000__bafy"):
        assert await house.refused(ann, TIMELINE, cursor=cursor) == (400, "InvalidRequest")


async def test_likes_are_listed_for_the_viewer_alone(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.like(ann, lab.post(bob, "liked"))
        return ann, bob

    ann, bob = await house.write(scene)
    page = await house.get(ann, "app.bsky.feed.getActorLikes", actor=ann)
    assert texts(page) == ["liked"]
    assert page["feed"][0]["post"]["viewer"]["like"].startswith(f"at://{ann}/app.bsky.feed.like/")
    refused = await house.refused(bob, "app.bsky.feed.getActorLikes", actor=ann)
    assert refused == (400, "InvalidRequest")


async def test_a_list_feed_holds_posts_of_its_members(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        people = lab.make_list(ann)
        lab.add_to_list(ann, people, bob)
        lab.post(bob, "from bob")
        lab.post(eve, "from eve")
        return people["uri"]

    uri = await house.write(scene)
    assert texts(await house.get(None, "app.bsky.feed.getListFeed", list=uri)) == ["from bob"]
    refused = await house.refused(None, "app.bsky.feed.getListFeed", list=uri + "x")
    assert refused == (400, "UnknownList")


async def test_an_unknown_feed_is_refused_by_name(house: AppViewHouse) -> None:
    did = await house.write(lambda lab: lab.account("ann"))
    uri = f"at://{did}/app.bsky.feed.generator/none"
    assert await house.refused(did, "app.bsky.feed.getFeed", feed=uri) == (400, "UnknownFeed")
    found = await house.get(did, "app.bsky.feed.getFeedGenerators", feeds=[uri])
    assert found == {"feeds": []}
