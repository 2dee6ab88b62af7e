"""Ann and Bob: what one writes, the other sees, wherever an app looks for it."""

import io

import pytest
from PIL import Image

from tests.conftest import Join
from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Ref, Refused, now, sign_in, soon


def picture(color: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 200), color).save(out, "JPEG")
    return out.getvalue()


async def notified(member: Member, *wanted: tuple[str, str]) -> None:
    await soon(member.notifications, lambda seen: set(wanted) <= set(seen))


async def test_a_post_reaches_timeline_thread_profile_and_notifications(
    ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    await notified(ann, ("follow", bob.did))
    post = await ann.write_post(f"hello @{bob.handle}", facets=[mention(bob)])
    await bob.sees(post)
    assert (await bob.thread(post.uri))["post"]["record"]["text"].startswith("hello")
    assert post.uri in await bob.author_feed(ann)
    seen = await soon(lambda: bob.profile(ann), lambda seen: seen["handle"] == ann.handle)
    assert (seen["postsCount"], seen["followersCount"]) == (1, 1)
    assert seen["viewer"]["following"].startswith(f"at://{bob.did}/app.bsky.graph.follow/")
    await notified(bob, ("mention", ann.did))
    count = await bob.get("app.bsky.notification.getUnreadCount")
    assert count == {"count": 1}
    await bob.post("app.bsky.notification.updateSeen", seenAt=now())
    assert await bob.get("app.bsky.notification.getUnreadCount") == {"count": 0}


def mention(member: Member) -> dict[str, object]:
    return {
        "index": {"byteStart": 6, "byteEnd": 7 + len(member.handle)},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": member.did}],
    }


async def test_a_picture_is_seen_by_the_other_in_every_size(
    network: Appliance, ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    blob = await ann.upload(picture(), "image/jpeg")
    image = {"image": blob, "alt": "a teal wall", "aspectRatio": {"width": 320, "height": 200}}
    embed = {"$type": "app.bsky.embed.images", "images": [image]}
    post = await ann.write_post("look", embed=embed)
    await bob.sees(post)
    view = (await bob.thread(post.uri))["post"]["embed"]
    assert view["$type"] == "app.bsky.embed.images#view"
    shown = view["images"][0]
    assert shown["alt"] == "a teal wall"
    for url in (shown["thumb"], shown["fullsize"]):
        async with bob.http.get(url) as answer:
            assert answer.status == 200, url
            assert answer.content_type.startswith("image/")
            assert Image.open(io.BytesIO(await answer.read())).width == 320
    got = await bob.raw(
        "GET",
        "/xrpc/com.atproto.sync.getBlob",
        params={"did": ann.did, "cid": blob["ref"]["$link"]},
    )
    assert got.body == picture()
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_a_face_and_a_name_show_in_the_profile(ann: Member, bob: Member) -> None:
    avatar = await ann.upload(picture("red"), "image/jpeg")
    profile = {"displayName": "Ann", "description": "gardens", "avatar": avatar}
    await ann.put("app.bsky.actor.profile", "self", **profile)
    seen = await soon(lambda: bob.profile(ann), lambda seen: "displayName" in seen)
    assert (seen["displayName"], seen["description"]) == ("Ann", "gardens")
    small = seen["avatar"].replace("/img/avatar/", "/img/avatar_thumbnail/")
    for url in (seen["avatar"], small):
        async with bob.http.get(url) as answer:
            assert (answer.status, answer.content_type.split("/")[0]) == (200, "image")
    found = await bob.get("app.bsky.actor.searchActorsTypeahead", q=ann.handle[:-6])
    assert ann.did in [actor["did"] for actor in found["actors"]]


async def test_a_reply_a_like_and_a_repost_are_counted_told_and_undone(
    ann: Member, bob: Member
) -> None:
    post = await ann.write_post("what do you think?")
    reply = await bob.reply(post, post, "well")
    like, repost = await bob.like(post), await bob.repost(post)
    await notified(ann, ("reply", bob.did), ("like", bob.did), ("repost", bob.did))
    thread = await ann.thread(post.uri)
    assert [each["post"]["uri"] for each in thread["replies"]] == [reply.uri]
    assert counts(thread["post"]) == (1, 1, 1)
    assert (await bob.thread(post.uri))["post"]["viewer"]["like"] == like.uri
    likes = await ann.get("app.bsky.feed.getLikes", uri=post.uri)
    assert [each["actor"]["did"] for each in likes["likes"]] == [bob.did]
    reposted = await ann.get("app.bsky.feed.getRepostedBy", uri=post.uri)
    assert [each["did"] for each in reposted["repostedBy"]] == [bob.did]
    for ref in (reply, like, repost):
        await bob.delete(ref)
    seen = await soon(lambda: ann.thread(post.uri), lambda seen: counts(seen["post"]) == (0, 0, 0))
    assert seen.get("replies", []) == []


def counts(post: dict[str, int]) -> tuple[int, int, int]:
    return post["replyCount"], post["likeCount"], post["repostCount"]


async def test_a_repost_brings_a_post_to_those_who_follow_the_reposter(
    ann: Member, bob: Member, newcomer: Join
) -> None:
    cleo = await newcomer("cleo")
    await cleo.follow(bob)
    post = await ann.write_post("worth sharing")
    await bob.repost(post)
    await cleo.sees(post)


async def test_unfollowing_empties_the_timeline(ann: Member, bob: Member) -> None:
    follow = await bob.follow(ann)
    post = await ann.write_post("still there?")
    await bob.sees(post)
    await bob.delete(follow)
    await bob.misses(post)
    followers = await ann.get("app.bsky.graph.getFollowers", actor=ann.did)
    assert followers["followers"] == []


async def test_a_deleted_post_is_gone_everywhere(ann: Member, bob: Member) -> None:
    await bob.follow(ann)
    post = await ann.write_post("a slip")
    await bob.sees(post)
    await ann.delete(post)
    await bob.misses(post)
    assert await bob.author_feed(ann) == []
    with pytest.raises(Refused) as refused:
        await bob.thread(post.uri)
    assert (refused.value.status, refused.value.error) == (400, "NotFound")
    assert (await bob.profile(ann))["postsCount"] == 0


async def test_a_block_hides_both_from_one_another(ann: Member, bob: Member) -> None:
    await bob.follow(ann)
    post = await ann.write_post("before")
    await bob.sees(post)
    block = await ann.block(bob)
    await bob.misses(post)
    seen = await bob.profile(ann)
    assert seen["viewer"]["blockedBy"] is True
    thread = await bob.thread(post.uri)
    assert thread["$type"] == "app.bsky.feed.defs#blockedPost"
    with pytest.raises(Refused) as refused:
        await bob.author_feed(ann)
    assert refused.value.error == "BlockedByActor"
    blocks = await ann.get("app.bsky.graph.getBlocks")
    assert [each["did"] for each in blocks["blocks"]] == [bob.did]
    await ann.delete(block)
    await bob.sees(post)


async def test_a_thread_reads_the_same_in_both_its_shapes(ann: Member, bob: Member) -> None:
    root = await ann.write_post("one")
    second = await bob.reply(root, root, "two")
    third = await ann.reply(root, second, "three")
    await soon(lambda: bob.thread(root.uri), lambda seen: third.uri in uris_below(seen))
    flat = await bob.get("app.bsky.unspecced.getPostThreadV2", anchor=root.uri)
    items = [(item["uri"], item["depth"]) for item in flat["thread"]]
    assert items == [(root.uri, 0), (second.uri, 1), (third.uri, 2)]
    parents = await bob.thread(third.uri)
    assert parents["parent"]["parent"]["post"]["uri"] == root.uri


def uris_below(thread: dict[str, object]) -> list[str]:
    found: list[str] = []
    replies = thread.get("replies", [])
    assert isinstance(replies, list)
    for each in replies:
        found += [each["post"]["uri"], *uris_below(each)]
    return found


async def test_a_quote_shows_what_it_quotes(ann: Member, bob: Member) -> None:
    post = await ann.write_post("quotable")
    quote = await bob.write_post(
        "see", embed={"$type": "app.bsky.embed.record", "record": post.json}
    )
    await notified(ann, ("quote", bob.did))
    view = (await ann.thread(quote.uri))["post"]["embed"]["record"]
    assert (view["uri"], view["value"]["text"]) == (post.uri, "quotable")


async def test_search_finds_people_and_posts(ann: Member, bob: Member) -> None:
    word = f"zebra{ann.did[-8:]}"
    post = await ann.write_post(f"a {word} on the road")

    async def found() -> list[str]:
        answer = await bob.get("app.bsky.feed.searchPosts", q=word)
        return [each["uri"] for each in answer["posts"]]

    assert await soon(found, bool) == [post.uri]
    people = await bob.get("app.bsky.actor.searchActors", q=ann.handle)
    assert people["actors"][0]["did"] == ann.did


async def test_a_new_handle_is_known_everywhere_and_the_old_one_is_free(
    network: Appliance, ann: Member, bob: Member
) -> None:
    renamed = f"re{ann.handle}"
    await ann.post("com.atproto.identity.updateHandle", handle=renamed)
    stranger = Client(ann.http, network.pds)
    found = await stranger.get("com.atproto.identity.resolveHandle", handle=renamed)
    assert found == {"did": ann.did}
    await soon(lambda: bob.profile(ann), lambda seen: seen["handle"] == renamed)
    with pytest.raises(Refused) as refused:
        await stranger.get("com.atproto.identity.resolveHandle", handle=ann.handle)
    assert refused.value.error == "HandleNotFound"
    again = await sign_in(ann.http, network.pds, renamed.upper())
    assert again.did == ann.did


async def test_everything_can_be_read_without_an_account_but_what_is_ones_own(
    network: Appliance, ann: Member
) -> None:
    post = await ann.write_post("in public")
    stranger = Client(ann.http, network.appview)

    async def thread() -> list[Ref]:
        found = await stranger.get("app.bsky.feed.getPosts", uris=[post.uri])
        return [Ref.of(each) for each in found["posts"]]

    assert await soon(thread, bool) == [post]
    with pytest.raises(Refused) as refused:
        await stranger.get("app.bsky.feed.getTimeline")
    assert (refused.value.status, refused.value.error) == (401, "AuthMissing")
