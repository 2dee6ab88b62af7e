"""What a member wrote is in the answer of an AppView that is somebody else's and lags behind."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto import jwt
from appliance.pds.xrpc import patched
from tests.support.lagging_appview import BOB, CID, OLD, Scene, item, open_scene, texts
from tests.support.pds_stores import PNG


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as opened:
        yield opened


async def test_a_new_post_stands_in_the_timeline_where_its_time_puts_it(scene: Scene) -> None:
    feed = [item("future", "2100-01-01T00:00:00Z"), item("past", OLD)]
    scene.appview.answers["app.bsky.feed.getTimeline"] = {"feed": feed, "cursor": "c"}
    uri = await scene.post("new")
    scene.box.clock.advance(2)
    answer = await scene.get("app.bsky.feed.getTimeline")
    assert texts(answer) == ["future", "new", "past"]
    assert answer.json["cursor"] == "c"
    assert int(answer.headers["Atproto-Upstream-Lag"]) >= 2000
    assert answer.headers["Atproto-Repo-Rev"] == scene.appview.rev
    assert answer.headers["atproto-content-labelers"] == "did:web:l.test"
    assert answer.headers["Cache-Control"] == "private"
    view = answer.json["feed"][1]["post"]
    assert view["uri"] == uri
    assert view["author"] == {"did": scene.alice.did, "handle": scene.alice.handle}
    assert [view[f"{each}Count"] for each in ("like", "reply", "repost", "quote")] == [0, 0, 0, 0]
    assert "Hearth-Wait-For-Rev" not in scene.appview.asked[-1].headers


async def test_a_post_the_appview_shows_already_is_not_shown_twice(scene: Scene) -> None:
    uri = await scene.post("new")
    alice = {"did": scene.alice.did, "handle": scene.alice.handle}
    feed = [item(uri.rpartition("/")[2], "2100-01-01T00:00:00Z", alice), item("past", OLD)]
    scene.appview.answers["app.bsky.feed.getTimeline"] = {"feed": feed}
    assert len(texts(await scene.get("app.bsky.feed.getTimeline"))) == 2


async def test_a_later_page_is_not_given_what_belongs_on_the_first(scene: Scene) -> None:
    feed = [item("past", OLD), item("earlier", "2019-01-01T00:00:00Z")]
    scene.appview.answers["app.bsky.feed.getTimeline"] = {"feed": feed}
    await scene.post("new")
    assert texts(await scene.get("app.bsky.feed.getTimeline", cursor="c")) == ["past", "earlier"]


async def test_what_the_appview_has_read_stays_as_it_came(scene: Scene) -> None:
    body = b'{ "feed" : [] }'
    scene.appview.answers["app.bsky.feed.getTimeline"] = body
    await scene.post("new")
    for rev in (None, "no tid", scene.box.pds.repos.head(scene.alice.did).rev):
        scene.appview.rev = rev
        answer = await scene.get("app.bsky.feed.getTimeline")
        assert answer.body == body
        assert "Atproto-Upstream-Lag" not in answer.headers


async def test_an_appview_that_knows_none_of_the_records_is_left_alone(scene: Scene) -> None:
    scene.appview.answers["app.bsky.feed.getTimeline"] = {"feed": []}
    await scene.post("new")
    scene.appview.rev = "3aaaaaaaaaa22"
    assert texts(await scene.get("app.bsky.feed.getTimeline")) == []


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b'{"feed":[{"post":7}]}',
        b'{"feed":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"feed":[]}' + b" " * 3_000_000,
        b"[]",
    ],
    ids=["text", "unsound", "deep", "large", "list"],
)
async def test_what_is_no_sound_answer_comes_through_as_it_is(scene: Scene, body: bytes) -> None:
    scene.appview.answers["app.bsky.feed.getTimeline"] = body
    await scene.post("new")
    path = "/xrpc/app.bsky.feed.getTimeline"
    session = scene.box._session
    token = {"Authorization": f"Bearer {scene.alice.access}"}
    async with session.get(f"http://localhost{path}", headers=token) as answer:
        assert answer.status == 200
        assert await answer.read() == body


async def test_a_compressed_answer_is_opened_but_never_a_bomb(scene: Scene) -> None:
    scene.appview.pack = True
    scene.appview.answers["app.bsky.feed.getTimeline"] = {"feed": []}
    await scene.post("new")
    assert texts(await scene.get("app.bsky.feed.getTimeline")) == ["new"]
    bomb = b'{"feed":[]}' + b" " * (patched.LARGEST_PATCHED * 4)
    scene.appview.answers["app.bsky.feed.getTimeline"] = bomb
    answer = await scene.get("app.bsky.feed.getTimeline")
    assert answer.body == bomb
    assert "Atproto-Upstream-Lag" not in answer.headers


async def test_a_profile_shows_its_new_name_and_pictures(scene: Scene) -> None:
    blob = await scene.picture()
    profile = {"displayName": "Alice", "description": "new words", "avatar": blob, "banner": blob}
    await scene.write("app.bsky.actor.profile", profile, "self")
    alice = {"did": scene.alice.did, "handle": scene.alice.handle, "displayName": "before"}
    stale = {**alice, "followersCount": 7}
    scene.appview.answers["app.bsky.actor.getProfile"] = stale
    scene.appview.answers["app.bsky.actor.getProfiles"] = {"profiles": [BOB, stale]}
    answer = await scene.get("app.bsky.actor.getProfile", actor=scene.alice.did)
    shown = answer.json
    assert (shown["displayName"], shown["description"]) == ("Alice", "new words")
    assert shown["followersCount"] == 7
    cid = blob["ref"]["$link"]
    picture = f"/xrpc/com.atproto.sync.getBlob?did={scene.alice.did}&cid={cid}"
    assert shown["avatar"] == shown["banner"] == f"http://localhost:2583{picture}"
    assert (await scene.box.ask("GET", picture)).body == PNG
    both = await scene.get("app.bsky.actor.getProfiles", actors="x")
    assert both.json["profiles"] == [BOB, shown]
    scene.appview.answers["app.bsky.actor.getProfile"] = BOB
    other = await scene.get("app.bsky.actor.getProfile", actor=BOB["did"])
    assert other.json == BOB


async def test_a_name_that_was_taken_away_is_not_shown(scene: Scene) -> None:
    await scene.write("app.bsky.actor.profile", {}, "self")
    stale = {"did": scene.alice.did, "handle": scene.alice.handle, "displayName": "before"}
    scene.appview.answers["app.bsky.actor.getProfile"] = stale
    answer = await scene.get("app.bsky.actor.getProfile", actor=scene.alice.did)
    assert "displayName" not in answer.json


async def test_the_own_feed_shows_new_posts_and_the_new_name(scene: Scene) -> None:
    alice = {"did": scene.alice.did, "handle": scene.alice.handle}
    pin = {"$type": "app.bsky.feed.defs#reasonPin"}
    feed = [item("pinned", OLD, alice, reason=pin), item("past", OLD, alice)]
    nsid = "app.bsky.feed.getAuthorFeed"
    scene.appview.answers[nsid] = {"feed": feed}
    uri = await scene.post("new")
    end = {"uri": uri, "cid": CID}
    foreign = {"uri": item("x", OLD)["post"]["uri"], "cid": CID}
    await scene.post("to myself", reply={"root": end, "parent": end})
    await scene.post("to bob", reply={"root": foreign, "parent": foreign})
    await scene.write("app.bsky.actor.profile", {"displayName": "Alice"}, "self")
    whole = await scene.get(nsid, actor=scene.alice.handle.upper())
    assert texts(whole) == ["pinned", "to bob", "to myself", "new", "past"]
    assert {one["post"]["author"]["displayName"] for one in whole.json["feed"]} == {"Alice"}
    plain = await scene.get(nsid, actor=scene.alice.did, filter="posts_no_replies")
    assert texts(plain) == ["pinned", "new", "past"]
    threads = await scene.get(nsid, actor=scene.alice.did, filter="posts_and_author_threads")
    assert texts(threads) == ["pinned", "to myself", "new", "past"]
    media = await scene.get(nsid, actor=scene.alice.did, filter="posts_with_media")
    assert texts(media) == ["pinned", "past"]
    video = await scene.get(nsid, actor=scene.alice.did, filter="posts_with_video")
    assert texts(video) == ["pinned", "past"]
    assert texts(await scene.get(nsid, actor=BOB["did"])) == ["pinned", "past"]


async def test_a_members_first_post_is_in_their_empty_feed(scene: Scene) -> None:
    scene.appview.answers["app.bsky.feed.getAuthorFeed"] = {"feed": []}
    await scene.post("new")
    answer = await scene.get("app.bsky.feed.getAuthorFeed", actor=scene.alice.did)
    assert texts(answer) == ["new"]


async def test_posts_a_member_likes_name_them_by_their_new_name(scene: Scene) -> None:
    alice = {"did": scene.alice.did, "handle": scene.alice.handle}
    scene.appview.answers["app.bsky.feed.getActorLikes"] = {"feed": [item("past", OLD, alice)]}
    await scene.write("app.bsky.actor.profile", {"displayName": "Alice"}, "self")
    await scene.post("new")
    answer = await scene.get("app.bsky.feed.getActorLikes", actor=scene.alice.did)
    assert texts(answer) == ["past"]
    assert answer.json["feed"][0]["post"]["author"]["displayName"] == "Alice"


async def test_pictures_links_and_quotes_of_a_new_post_are_shown(scene: Scene) -> None:
    quoted = item("quoted", OLD)["post"]
    scene.appview.answers |= {
        "app.bsky.feed.getTimeline": {"feed": []},
        "app.bsky.feed.getPosts": {"posts": [quoted]},
    }
    blob = await scene.picture()
    images = {
        "$type": "app.bsky.embed.images",
        "images": [{"image": blob, "alt": "a dot", "aspectRatio": {"width": 1, "height": 1}}],
    }
    card = {"uri": "https://example.com", "title": "t", "description": "d", "thumb": blob}
    quote = {
        "$type": "app.bsky.embed.record",
        "record": {"uri": quoted["uri"], "cid": CID},
    }
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": quote, "media": images}
    await scene.post("one", embed=images)
    await scene.post("two", embed={"$type": "app.bsky.embed.external", "external": card})
    own = await scene.post("three", embed=quote)
    await scene.post("four", embed=both)
    of_own = {"$type": "app.bsky.embed.record", "record": {"uri": own, "cid": CID}}
    await scene.post("five", embed=of_own)
    answer = await scene.get("app.bsky.feed.getTimeline")
    assert texts(answer) == ["five", "four", "three", "two", "one"]
    five, four, three, two, one = (each["post"]["embed"] for each in answer.json["feed"])
    assert one["images"][0]["alt"] == "a dot"
    assert one["images"][0]["thumb"].endswith(blob["ref"]["$link"])
    assert two["external"]["title"] == "t"
    assert two["external"]["thumb"].endswith(blob["ref"]["$link"])
    assert three["record"]["value"]["text"] == "quoted"
    assert three["record"]["author"] == BOB
    assert four["record"]["record"] == three["record"]
    assert four["media"] == one
    assert five["record"]["value"]["text"] == "three"
    media = await scene.get("app.bsky.feed.getTimeline")
    assert media.json == answer.json


async def test_a_quote_that_cannot_be_had_is_shown_as_not_found(scene: Scene) -> None:
    gone = f"at://{BOB['did']}/app.bsky.feed.post/gone"
    scene.appview.answers["app.bsky.feed.getTimeline"] = {"feed": []}
    scene.appview.answers["app.bsky.feed.getPosts"] = {"posts": [{"uri": 7}]}
    embed = {"$type": "app.bsky.embed.record", "record": {"uri": gone, "cid": CID}}
    await scene.post("new", embed=embed)
    answer = await scene.get("app.bsky.feed.getTimeline")
    shown = answer.json["feed"][0]["post"]["embed"]["record"]
    assert shown == {
        "$type": "app.bsky.embed.record#viewNotFound",
        "uri": gone,
        "notFound": True,
    }


async def test_a_new_reply_stands_in_its_thread(scene: Scene) -> None:
    kind = "app.bsky.feed.defs#threadViewPost"
    root, below = item("root", OLD)["post"], item("below", OLD)["post"]
    below["record"]["reply"] = {"root": end(root), "parent": end(root)}
    missing = {"$type": "app.bsky.feed.defs#notFoundPost", "uri": root["uri"], "notFound": True}
    thread = {"$type": kind, "post": root, "replies": [missing, {"$type": kind, "post": below}]}
    scene.appview.answers["app.bsky.feed.getPostThread"] = {"thread": thread}
    mine = await scene.post("mine", reply={"root": end(root), "parent": end(below)})
    await scene.post("mine too", reply={"root": end(root), "parent": {"uri": mine, "cid": CID}})
    await scene.post("elsewhere")
    answer = await scene.get("app.bsky.feed.getPostThread", uri=root["uri"])
    [found] = answer.json["thread"]["replies"][1]["replies"]
    assert found["post"]["record"]["text"] == "mine"
    [deeper] = found["replies"]
    assert deeper["post"]["record"]["text"] == "mine too"
    assert answer.body.count(b'"elsewhere"') == 0


def end(post: Any) -> dict[str, str]:
    return {"uri": post["uri"], "cid": post["cid"]}


async def test_a_new_post_the_appview_does_not_find_is_answered_here(scene: Scene) -> None:
    not_found = {"error": "NotFound", "message": "Post not found"}
    nsid = "app.bsky.feed.getPostThread"
    scene.appview.answers[nsid] = not_found
    scene.appview.status = 400
    parent = item("parent", OLD)["post"]
    uri = await scene.post("mine", reply={"root": end(parent), "parent": end(parent)})
    await scene.post("answer", reply={"root": end(parent), "parent": {"uri": uri, "cid": CID}})
    for name in (scene.alice.did, scene.alice.handle):
        asked = f"at://{name}/{uri.removeprefix('at://').partition('/')[2]}"
        answer = await scene.get(nsid, uri=asked)
        assert answer.status == 200
        thread = answer.json["thread"]
        assert thread["post"]["uri"] == uri
        assert [each["post"]["record"]["text"] for each in thread["replies"]] == ["answer"]
        assert "parent" not in thread
    for missing in (f"{uri[:-13]}3aaaaaaaaaa22", parent["uri"], "no uri"):
        answer = await scene.get(nsid, uri=missing)
        assert (answer.status, answer.json) == (400, not_found)


async def test_pictures_are_where_the_operator_says_the_appview_shows_them(tmp_path: Path) -> None:
    pattern = "https://cdn.example.com/img/%s/plain/%s/%s@jpeg"
    async with open_scene(tmp_path, appview_image_pattern=pattern) as scene:
        blob = await scene.picture()
        await scene.write("app.bsky.actor.profile", {"avatar": blob}, "self")
        alice = {"did": scene.alice.did, "handle": scene.alice.handle}
        scene.appview.answers["app.bsky.actor.getProfile"] = alice
        answer = await scene.get("app.bsky.actor.getProfile", actor=scene.alice.did)
        rest = f"{scene.alice.did}/{blob['ref']['$link']}@jpeg"
        assert answer.json["avatar"] == f"https://cdn.example.com/img/avatar/plain/{rest}"


async def test_a_feed_is_asked_for_with_a_token_for_the_service_that_makes_it(
    scene: Scene,
) -> None:
    nsid, maker = "app.bsky.feed.getFeed", "did:web:feeds.example.com"
    feed = f"at://{BOB['did']}/app.bsky.feed.generator/cats"
    record: dict[str, Any] = {"$type": "app.bsky.feed.generator", "did": maker}
    scene.appview.answers |= {
        "com.atproto.repo.getRecord": {"uri": feed, "cid": CID, "value": record},
        nsid: {"feed": [item("cat", OLD)]},
    }
    assert texts(await scene.get(nsid, feed=feed)) == ["cat"]
    about, asked = scene.appview.asked[-2:]
    assert "Authorization" not in about.headers
    assert dict(about.query) == {
        "repo": BOB["did"],
        "collection": "app.bsky.feed.generator",
        "rkey": "cats",
    }
    token = jwt.parse(asked.headers["Authorization"].removeprefix("Bearer "))
    assert token.claims["aud"] == maker
    assert token.claims["lxm"] == "app.bsky.feed.getFeedSkeleton"
    for did in (None, "no did"):
        record["did"] = did
        refused = await scene.get(nsid, feed=feed)
        assert (refused.status, refused.error) == (400, "UnknownFeed")
    del scene.appview.answers["com.atproto.repo.getRecord"]
    for name in (feed, "no uri", f"at://{BOB['did']}"):
        assert (await scene.get(nsid, feed=name)).error == "UnknownFeed"
