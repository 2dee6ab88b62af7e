"""What five people write, and what is asked about it of our AppView and of the reference."""

from collections.abc import Iterator
from typing import Any, Final

from appliance.atproto.tid import TidClock
from tests.interop.asking import Ask, Step, get, opened, post, upload

NAMES: Final = ("ann", "bob", "cat", "dan", "eve")
START_US: Final = 1_767_225_600_000_000  # 2026-01-01
PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc0f01f0005050202d1d7f0d50000000049454e44ae426082"
)
POST: Final = "app.bsky.feed.post"

_seconds = iter(range(10_000))
_tids = TidClock(lambda: START_US)


def _time() -> str:
    number = next(_seconds)
    return f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"


def made(name: str, who: str, collection: str, rkey: str = "", /, **record: Any) -> Ask:
    """Write a record; it is `<name.uri>` and `<name.cid>` from then on."""
    value = {"$type": collection, "createdAt": _time(), **record}
    return post(
        1,
        f"{who} writes {name}",
        "com.atproto.repo.putRecord",
        who,
        repo=f"<{who}.did>",
        collection=collection,
        rkey=rkey or str(_tids.next()),
        record=value,
        keep={f"{name}.uri": "uri", f"{name}.cid": "cid"},
    )


def ref(name: str) -> dict[str, str]:
    return {"uri": f"<{name}.uri>", "cid": f"<{name}.cid>"}


def said(name: str, who: str, text: str, rkey: str = "", **more: Any) -> Ask:
    return made(name, who, POST, rkey, text=text, **more)


def answered(name: str, who: str, parent: str, root: str = "", text: str = "yes") -> Ask:
    reply = {"parent": ref(parent), "root": ref(root or parent)}
    return said(name, who, text, reply=reply)


def quoted(name: str, who: str, quoted_name: str, text: str = "look") -> Ask:
    embed = {"$type": "app.bsky.embed.record", "record": ref(quoted_name)}
    return said(name, who, text, embed=embed)


def _image() -> dict[str, Any]:
    cid = "<picture.cid>"
    return {"$type": "blob", "ref": {"$link": cid}, "mimeType": "image/png", "size": len(PIXEL)}


def _people() -> Iterator[Step]:
    for name in NAMES:
        yield opened(name)
    for name in NAMES:
        yield upload(
            1, f"{name}'s picture", name, PIXEL, "image/png", keep={"picture.cid": "blob.ref.$link"}
        )
        if name != "eve":
            yield made(
                f"{name}.profile",
                name,
                "app.bsky.actor.profile",
                "self",
                displayName=name.title(),
                description=f"This is {name}",
                avatar=_image(),
            )
    for who, target in (
        ("ann", "bob"),
        ("ann", "cat"),
        ("ann", "dan"),
        ("bob", "ann"),
        ("bob", "cat"),
        ("cat", "bob"),
        ("dan", "ann"),
        ("dan", "eve"),
        ("eve", "bob"),
        ("eve", "cat"),
    ):
        yield made(f"{who}-{target}", who, "app.bsky.graph.follow", subject=f"<{target}.did>")


def _posts() -> Iterator[Step | None]:
    """Posts, and what gates them. None: what came before is to be indexed first."""
    yield said("hello", "bob", "Hello garden", langs=["en"], tags=["garden"])
    yield said(
        "pictured",
        "bob",
        "A picture",
        embed={
            "$type": "app.bsky.embed.images",
            "images": [{"alt": "one pixel", "image": _image()}],
        },
    )
    yield said(
        "linked",
        "cat",
        "A link https://example.com/page",
        facets=[
            {
                "index": {"byteStart": 7, "byteEnd": 31},
                "features": [
                    {
                        "$type": "app.bsky.richtext.facet#link",
                        "uri": "https://example.com/page",
                    }
                ],
            }
        ],
        embed={
            "$type": "app.bsky.embed.external",
            "external": {
                "uri": "https://example.com/page",
                "title": "Page",
                "description": "A page",
            },
        },
    )
    yield None
    yield answered("one", "ann", "hello", text="first answer")
    yield answered("three", "cat", "hello", text="me too")
    yield answered("self", "bob", "hello", text="and more of mine")
    yield quoted("quote", "ann", "pictured")
    yield said(
        "mentions",
        "dan",
        "hi @ann",
        facets=[
            {
                "index": {"byteStart": 3, "byteEnd": 7},
                "features": [{"$type": "app.bsky.richtext.facet#mention", "did": "<ann.did>"}],
            }
        ],
        labels={
            "$type": "com.atproto.label.defs#selfLabels",
            "values": [{"val": "spoiler"}],
        },
    )
    yield said("gated", "cat", "only some may answer", "3jzfcijpj2z2a")
    yield made(
        "gate",
        "cat",
        "app.bsky.feed.threadgate",
        "3jzfcijpj2z2a",
        post="<gated.uri>",
        allow=[{"$type": "app.bsky.feed.threadgate#followingRule"}],
    )
    yield said("unquotable", "cat", "do not quote me", "3jzfcijpj2z2b")
    yield made(
        "postgate",
        "cat",
        "app.bsky.feed.postgate",
        "3jzfcijpj2z2b",
        post="<unquotable.uri>",
        embeddingRules=[{"$type": "app.bsky.feed.postgate#disableRule"}],
    )


def _answers() -> Iterator[Step | None]:
    """What comes once the gates are known."""
    yield None
    yield answered("two", "bob", "one", "hello", "thanks")
    yield quoted("quote2", "cat", "quote", "a quote of a quote")
    yield answered("wrong_root", "eve", "one", "pictured", "astray")
    yield answered("let_in", "bob", "gated")
    yield answered("kept_out", "dan", "gated")
    yield quoted("forbidden", "ann", "unquotable")
    yield None
    yield answered("four", "dan", "two", "hello", "deep")
    for who, liked in (
        ("ann", "hello"),
        ("cat", "hello"),
        ("dan", "hello"),
        ("bob", "one"),
        ("ann", "pictured"),
        ("eve", "quote"),
    ):
        yield made(f"{who} likes {liked}", who, "app.bsky.feed.like", subject=ref(liked))
    yield made("again", "ann", "app.bsky.feed.like", subject=ref("hello"))
    yield made("reposted", "cat", "app.bsky.feed.repost", subject=ref("hello"))
    yield made("by_dan", "dan", "app.bsky.feed.repost", subject=ref("linked"))
    yield made("through", "eve", "app.bsky.feed.like", subject=ref("linked"), via=ref("by_dan"))


def _rest() -> Iterator[Step]:
    yield made("block", "eve", "app.bsky.graph.block", subject="<dan.did>")
    yield made("blocks", "dan", "app.bsky.graph.block", subject="<cat.did>")
    purpose = "app.bsky.graph.defs#curatelist"
    yield made("friends", "ann", "app.bsky.graph.list", name="Friends", purpose=purpose)
    for name in ("bob", "cat"):
        yield made(
            f"{name} listed",
            "ann",
            "app.bsky.graph.listitem",
            list="<friends.uri>",
            subject=f"<{name}.did>",
        )
    yield made(
        "feed",
        "bob",
        "app.bsky.feed.generator",
        "garden",
        did="did:web:feeds.test",
        displayName="Garden",
        description="all about it",
    )
    yield made("likes feed", "ann", "app.bsky.feed.like", subject=ref("feed"))
    yield made(
        "pack",
        "ann",
        "app.bsky.graph.starterpack",
        name="Start here",
        list="<friends.uri>",
        feeds=[{"uri": "<feed.uri>"}],
    )


def _private() -> Iterator[Step]:
    graph = "app.bsky.graph"
    yield post(2, "ann mutes dan", f"{graph}.muteActor", "ann", actor="<dan.did>")
    yield post(2, "dan mutes a thread", f"{graph}.muteThread", "dan", root="<hello.uri>")
    yield post(2, "cat mutes a list", f"{graph}.muteActorList", "cat", list="<friends.uri>")
    bookmark = "app.bsky.bookmark.createBookmark"
    yield post(2, "ann saves a post", bookmark, "ann", **ref("hello"))


def stages() -> list[list[Step]]:
    """List what is written, in order; each stage wants what came before it to be indexed."""
    found: list[list[Step]] = [[]]
    for step in (*_people(), *_posts(), *_answers(), *_rest(), None, *_private()):
        if step is None:
            found.append([])
        else:
            found[-1].append(step)
    return found


URIS: Final = (
    "hello",
    "one",
    "two",
    "self",
    "pictured",
    "quote",
    "quote2",
    "gated",
    "kept_out",
    "wrong_root",
    "forbidden",
    "linked",
)


def asked() -> list[Step]:
    """List the requests."""
    return [*_of_people(), *_of_feeds(), *_of_threads(), *_of_searches(), *_of_own()]


def _of_people() -> Iterator[Step]:
    for who in NAMES:
        for actor in NAMES:
            where = f"{who} looks at {actor}"
            yield get(
                3, f"profile: {where}", "app.bsky.actor.getProfile", who, actor=f"<{actor}.did>"
            )
            nsid = "app.bsky.feed.getAuthorFeed"
            yield get(4, f"author feed: {where}", nsid, who, actor=f"<{actor}.did>")
        dids = [f"<{name}.did>" for name in NAMES]
        yield get(5, f"profiles: {who}", "app.bsky.actor.getProfiles", who, actors=dids)
        yield get(6, f"follows: {who}", "app.bsky.graph.getFollows", who, actor="<ann.did>")
        yield get(7, f"followers: {who}", "app.bsky.graph.getFollowers", who, actor="<bob.did>")
        nsid = "app.bsky.graph.getKnownFollowers"
        yield get(8, f"known followers: {who}", nsid, who, actor="<bob.did>")
        nsid = "app.bsky.graph.getRelationships"
        yield get(9, f"relationships: {who}", nsid, who, actor=f"<{who}.did>", others=dids)
    for kind in (
        "posts_no_replies",
        "posts_with_media",
        "posts_and_author_threads",
        "posts_with_video",
    ):
        nsid = "app.bsky.feed.getAuthorFeed"
        yield get(4, f"author feed: {kind}", nsid, "ann", actor="<bob.did>", filter=kind)
    for bad in ("nobody.test", "did:plc:222222222222222222222222"):
        yield get(3, f"profile: {bad}", "app.bsky.actor.getProfile", "ann", actor=bad)
        yield get(4, f"author feed: {bad}", "app.bsky.feed.getAuthorFeed", "ann", actor=bad)


def _of_feeds() -> Iterator[Step]:
    for who in NAMES:
        yield get(10, f"timeline: {who}", "app.bsky.feed.getTimeline", who)
        yield get(10, f"timeline: page of {who}", "app.bsky.feed.getTimeline", who, limit=3)
        uris = [f"<{name}.uri>" for name in URIS]
        yield get(11, f"posts: {who}", "app.bsky.feed.getPosts", who, uris=uris)
        yield get(12, f"list feed: {who}", "app.bsky.feed.getListFeed", who, list="<friends.uri>")
        yield get(13, f"likes: {who}", "app.bsky.feed.getLikes", who, uri="<hello.uri>")
        yield get(14, f"reposts: {who}", "app.bsky.feed.getRepostedBy", who, uri="<hello.uri>")
        yield get(15, f"quotes: {who}", "app.bsky.feed.getQuotes", who, uri="<pictured.uri>")
        nsid = "app.bsky.feed.getActorLikes"
        yield get(16, f"actor likes: {who}", nsid, who, actor=f"<{who}.did>")
        nsid = "app.bsky.feed.getFeedGenerators"
        yield get(17, f"generators: {who}", nsid, who, feeds=["<feed.uri>"])
    yield get(
        16, "actor likes: of another", "app.bsky.feed.getActorLikes", "ann", actor="<bob.did>"
    )
    yield get(10, "timeline: bad limit", "app.bsky.feed.getTimeline", "ann", limit=101)


def _of_threads() -> Iterator[Step]:
    for who in ("ann", "dan", "eve"):
        for name in URIS:
            nsid = "app.bsky.unspecced.getPostThreadV2"
            yield get(18, f"thread: {name} for {who}", nsid, who, anchor=f"<{name}.uri>")
    for name in URIS:
        nsid = "app.bsky.feed.getPostThread"
        yield get(19, f"tree: {name}", nsid, "ann", uri=f"<{name}.uri>")
    missing = "at://<bob.did>/app.bsky.feed.post/3jzfcijpj2z2z"
    yield get(18, "thread: missing", "app.bsky.unspecced.getPostThreadV2", "ann", anchor=missing)
    yield get(19, "tree: missing", "app.bsky.feed.getPostThread", "ann", uri=missing)


def _of_searches() -> Iterator[Step]:
    for typed in ("bob", "an", "zzz", "Cat"):
        nsid = "app.bsky.actor.searchActorsTypeahead"
        yield get(20, f"typeahead: {typed}", nsid, "ann", q=typed)
        yield get(21, f"actors: {typed}", "app.bsky.actor.searchActors", "ann", q=typed)


def _of_own() -> Iterator[Step]:
    for who in NAMES:
        yield get(22, f"told: {who}", "app.bsky.notification.listNotifications", who)
        yield get(23, f"unread: {who}", "app.bsky.notification.getUnreadCount", who)
        yield get(24, f"blocks: {who}", "app.bsky.graph.getBlocks", who)
        yield get(25, f"mutes: {who}", "app.bsky.graph.getMutes", who)
        yield get(26, f"list: {who}", "app.bsky.graph.getList", who, list="<friends.uri>")
        yield get(27, f"lists: {who}", "app.bsky.graph.getLists", who, actor="<ann.did>")
        nsid = "app.bsky.graph.getStarterPack"
        yield get(28, f"starter pack: {who}", nsid, who, starterPack="<pack.uri>")
    yield get(29, "bookmarks", "app.bsky.bookmark.getBookmarks", "ann")
    yield get(30, "list mutes", "app.bsky.graph.getListMutes", "cat")
    yield get(31, "preferences", "app.bsky.notification.getPreferences", "ann")
