"""Posts as they are shown: embeds, quotes, gates, the viewer's marks; likes, reposts, quotes."""

from typing import Any

import pytest

from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab, StrongRef

POSTS = "app.bsky.feed.getPosts"
CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


def blob(mime_type: str = "image/png") -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": CID}, "mimeType": mime_type, "size": 3}


async def embed_of(house: AppViewHouse, viewer: str | None, uri: str) -> Any:
    (post,) = (await house.get(viewer, POSTS, uris=[uri]))["posts"]
    return post["embed"]


@pytest.mark.parametrize(
    ("embed", "kind"),
    [
        ({"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob()}]}, "images"),
        (
            {
                "$type": "app.bsky.embed.gallery",
                "items": [
                    {
                        "$type": "app.bsky.embed.gallery#image",
                        "alt": "",
                        "image": blob(),
                        "aspectRatio": {"width": 4, "height": 3},
                    }
                ],
            },
            "gallery",
        ),
        ({"$type": "app.bsky.embed.video", "video": blob("video/mp4"), "alt": "x"}, "video"),
        (
            {
                "$type": "app.bsky.embed.external",
                "external": {
                    "uri": "https://example.com/",
                    "title": "Example",
                    "description": "",
                    "thumb": blob(),
                },
            },
            "external",
        ),
    ],
)
async def test_each_embed_has_its_view(
    house: AppViewHouse, embed: dict[str, Any], kind: str
) -> None:
    uri = await house.write(lambda lab: lab.post(lab.account("ann"), embed=embed)["uri"])
    view = await embed_of(house, None, uri)
    assert view["$type"] == f"app.bsky.embed.{kind}#view"
    assert CID in str(view)


async def test_quotes_show_two_levels_and_no_more(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        deep = lab.quote(ann, lab.post(ann, "0"), "1")
        return lab.quote(ann, lab.quote(ann, deep, "2"), "3")["uri"]

    view = (await embed_of(house, None, await house.write(scene)))["record"]
    assert view["$type"] == "app.bsky.embed.record#viewRecord"
    assert view["value"]["text"] == "2"
    (inner,) = view["embeds"]
    assert inner["record"]["value"]["text"] == "1"
    assert "embeds" not in inner["record"]


async def test_a_quote_with_media_has_both(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        embed = {
            "$type": "app.bsky.embed.recordWithMedia",
            "record": {"record": lab.post(ann, "quoted")},
            "media": {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob()}]},
        }
        return lab.post(ann, embed=embed)["uri"]

    view = await embed_of(house, None, await house.write(scene))
    assert view["$type"] == "app.bsky.embed.recordWithMedia#view"
    assert view["record"]["record"]["value"]["text"] == "quoted"
    assert len(view["media"]["images"]) == 1


async def test_why_a_quote_is_not_shown(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, dict[str, str]]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        gone, guarded = lab.post(bob), lab.post(bob)
        torn, hated = lab.post(bob), lab.post(eve)
        quotes = {"NotFound": lab.quote(ann, gone)["uri"]}
        lab.delete(gone)
        rule = {"$type": "app.bsky.feed.postgate#disableRule"}
        lab.postgate(bob, guarded, embeddingRules=[rule])
        quotes["forbidden"] = lab.quote(ann, guarded)["uri"]
        quotes["Detached"] = lab.quote(ann, torn)["uri"]
        lab.postgate(bob, torn, detachedEmbeddingUris=[quotes["Detached"]])
        quotes["Blocked"] = lab.quote(ann, hated)["uri"]
        lab.block(eve, ann)
        return bob, quotes

    bob, quotes = await house.write(scene)
    for reason, uri in quotes.items():
        view = (await embed_of(house, bob, uri))["record"]
        kind = "Detached" if reason == "forbidden" else reason
        assert view["$type"] == f"app.bsky.embed.record#view{kind}", reason


async def test_quoting_is_disabled_for_others_only(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        post = lab.post(ann)
        rule = {"$type": "app.bsky.feed.postgate#disableRule"}
        lab.postgate(ann, post, embeddingRules=[rule])
        return ann, bob, post["uri"]

    ann, bob, uri = await house.write(scene)
    for did, disabled in ((ann, False), (bob, True)):
        (post,) = (await house.get(did, POSTS, uris=[uri]))["posts"]
        assert post["viewer"]["embeddingDisabled"] is disabled


async def test_lists_and_feeds_can_be_embedded(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> list[str]:
        ann = lab.account("ann")
        feed = {"did": "did:web:feeds.test", "displayName": "Cats", "description": "only cats"}
        pack = {"name": "pack", "list": lab.make_list(ann)["uri"]}
        records = [
            lab.make_list(ann),
            lab.put(ann, "app.bsky.feed.generator", feed),
            lab.put(ann, "app.bsky.graph.starterpack", pack),
        ]
        return [lab.quote(ann, record)["uri"] for record in records]

    uris = await house.write(scene)
    kinds = [(await embed_of(house, None, uri))["record"]["$type"] for uri in uris]
    assert kinds == [
        "app.bsky.graph.defs#listView",
        "app.bsky.feed.defs#generatorView",
        "app.bsky.graph.defs#starterPackViewBasic",
    ]


async def test_a_post_shows_counts_and_the_viewers_marks(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, StrongRef, StrongRef, StrongRef]:
        ann, bob = lab.account("ann"), lab.account("bob")
        post = lab.post(bob)
        like, repost = lab.like(ann, post), lab.repost(ann, post)
        lab.like(ann, post)
        lab.reply(ann, post)
        lab.quote(ann, post)
        return ann, post, like, repost

    ann, post, like, repost = await house.write(scene)
    await house.post(ann, "app.bsky.bookmark.createBookmark", **post)
    await house.post(ann, "app.bsky.graph.muteThread", root=post["uri"])
    (view,) = (await house.get(ann, POSTS, uris=[post["uri"]]))["posts"]
    names = ("likeCount", "repostCount", "replyCount", "quoteCount", "bookmarkCount")
    assert [view[name] for name in names] == [1, 1, 1, 1, 1]
    assert view["viewer"] == {
        "like": like["uri"],
        "repost": repost["uri"],
        "bookmarked": True,
        "threadMuted": True,
        "embeddingDisabled": False,
    }
    (plain,) = (await house.get(None, POSTS, uris=[post["uri"]]))["posts"]
    assert "viewer" not in plain


async def test_posts_are_found_by_the_handle_of_their_author(house: AppViewHouse) -> None:
    uri = await house.write(lambda lab: lab.post(lab.account("ann"))["uri"])
    named = uri.replace("did:plc:annaaaaaaaaaaaaaaaaaaaaa", "ann.test")
    (post,) = (await house.get(None, POSTS, uris=[named]))["posts"]
    assert post["uri"] == uri
    status, name = await house.refused(None, POSTS, uris=[uri] * 26)
    assert (status, name) == (400, "InvalidRequest")


async def test_who_liked_reposted_and_quoted(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str, StrongRef]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        post = lab.post(ann)
        for did in (bob, eve):
            lab.like(did, post)
            lab.repost(did, post)
            lab.quote(did, post, did)
        lab.block(ann, eve)
        return ann, bob, eve, post

    ann, bob, eve, post = await house.write(scene)
    likes = await house.get(None, "app.bsky.feed.getLikes", uri=post["uri"], limit=1)
    assert [like["actor"]["did"] for like in likes["likes"]] == [eve]
    rest = await house.get(
        None, "app.bsky.feed.getLikes", uri=post["uri"], cursor=likes["cursor"], cid=post["cid"]
    )
    assert [like["actor"]["did"] for like in rest["likes"]] == [bob]
    assert (rest["uri"], rest["cid"]) == (post["uri"], post["cid"])
    own = await house.get(ann, "app.bsky.feed.getLikes", uri=post["uri"])
    assert [like["actor"]["did"] for like in own["likes"]] == [bob]
    by = await house.get(ann, "app.bsky.feed.getRepostedBy", uri=post["uri"])
    assert [view["did"] for view in by["repostedBy"]] == [bob]
    quotes = await house.get(ann, "app.bsky.feed.getQuotes", uri=post["uri"])
    assert [view["record"]["text"] for view in quotes["posts"]] == [bob]
    nothing = await house.get(ann, "app.bsky.feed.getLikes", uri=f"{post['uri']}x")
    assert nothing["likes"] == []


async def test_labels_come_from_accepted_labelers_and_redaction_removes(
    house: AppViewHouse,
) -> None:
    labeler = "did:plc:labeler"

    def scene(lab: IndexLab) -> str:
        uri = lab.post(lab.account("ann"))["uri"]
        for value in ("spam", "!takedown"):
            label = (
                f'{{"src":"{labeler}","uri":"{uri}","val":"{value}",'
                '"cts":"2026-01-01T00:00:00.000Z"}'
            )
            lab.conn.execute(
                "INSERT INTO label (uri, src, val, cts_us, label) VALUES (?, ?, ?, 0, ?)",
                (uri, labeler, value, label),
            )
        return uri

    uri = await house.write(scene)
    header = "atproto-accept-labelers"
    for sent, wanted in ((None, []), (f"x, {labeler};x", ["!takedown", "spam"])):
        headers = {} if sent is None else {header: sent}
        _, page, got = await house.ask(None, POSTS, {"uris": [uri]}, headers=headers)
        assert [label["val"] for label in page["posts"][0]["labels"]] == wanted
        assert got.get("Atproto-Content-Labelers") == (None if sent is None else labeler)
    headers = {header: f"{labeler}, {labeler};redact"}
    _, page, got = await house.ask(None, POSTS, {"uris": [uri]}, headers=headers)
    assert page == {"posts": []}
    assert got["Atproto-Content-Labelers"] == f"{labeler};redact"
    found = await house.get(None, "com.atproto.label.queryLabels", uriPatterns=[uri])
    assert len(found["labels"]) == 2
    pattern = await house.refused(None, "com.atproto.label.queryLabels", uriPatterns=["*"])
    assert pattern == (400, "InvalidRequest")
