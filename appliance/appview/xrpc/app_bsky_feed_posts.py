"""app.bsky.feed.*: posts, threads, and who liked or quoted them."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.hydrate.posts import load_op_likes
from appliance.appview.pipeline import answer, at_once
from appliance.appview.role import AppView
from appliance.appview.skeletons import interactions, threads
from appliance.appview.skeletons.interactions import Like
from appliance.appview.views import posts
from appliance.appview.views import threads as thread_views
from appliance.appview.views.values import iso
from appliance.appview.views.weights import fitting_thread, without_heaviest
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import AtUri, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

# A tree of replies is nested JSON: deeper than this, clients go on from the last post.
DEEPEST = 60
HIGHEST = 80

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.feed.getPosts", auth=anyone)
async def get_posts(appview: AppView, audience: Audience, *, uris: list[AtUri]) -> Json:
    """Give posts; of those that are larger than an answer may be together, not the largest."""
    views = appview.pipeline.post_views(audience, lookups.records(appview, uris))
    return {"posts": without_heaviest([view for view in views if view is not None])}


@methods.query("app.bsky.feed.getPostThread", auth=anyone)
async def get_post_thread(
    appview: AppView, audience: Audience, *, uri: AtUri, depth: int, parent_height: int
) -> Json:
    pipeline = appview.pipeline
    anchor = lookups.record(appview, uri)
    if anchor is None:
        raise InvalidRequest(f"Post not found: {uri}", "NotFound")
    above = threads.ancestors(pipeline.index, anchor, min(parent_height, HIGHEST))
    below = threads.descendants(pipeline.index, anchor, min(depth, DEEPEST))
    h = pipeline.hydrate.posts(audience, [anchor, *above, *(reply.id for reply in below)])
    op = h.owner(h.posts[anchor].thread_id) if anchor in h.posts else None
    if op is not None:
        load_op_likes(pipeline.index, h, op, h.posts)
    parents, replies = fitting_thread(h, above, [reply.id for reply in below])
    above, below = above[:parents], below[:replies]
    view = thread_views.thread(h, anchor, above, below)
    if view is None:
        raise InvalidRequest(f"Post not found: {uri}", "NotFound")
    gate = posts.threadgate(h, h.posts[anchor].thread_id)
    return {"thread": view} if gate is None else {"thread": view, "threadgate": gate}


@methods.query("app.bsky.feed.getLikes", auth=anyone)
async def get_likes(
    appview: AppView,
    audience: Audience,
    *,
    uri: AtUri,
    cid: Cid | None,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline

    def show(rows: Sequence[Like]) -> list[JsonObject | None]:
        views = pipeline.profile_views(audience, [row.id for row in rows])
        return [
            {"actor": view, "createdAt": iso(row.created_us), "indexedAt": iso(row.indexed_us)}
            if view is not None
            else None
            for row, view in zip(rows, views, strict=True)
        ]

    async def page(subject: int) -> JsonObject:
        fetch = at_once(partial(interactions.likes, pipeline.index, subject))
        return answer("likes", *await pipeline.page(fetch, show, limit, cursor))

    return await _about(appview, uri, cid, page, "likes")


@methods.query("app.bsky.feed.getRepostedBy", auth=anyone)
async def get_reposted_by(
    appview: AppView,
    audience: Audience,
    *,
    uri: AtUri,
    cid: Cid | None,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline

    async def page(subject: int) -> JsonObject:
        fetch = partial(interactions.reposters, pipeline.index, subject)
        return await pipeline.profiles(audience, fetch, "repostedBy", limit, cursor)

    return await _about(appview, uri, cid, page, "repostedBy")


@methods.query("app.bsky.feed.getQuotes", auth=anyone)
async def get_quotes(
    appview: AppView,
    audience: Audience,
    *,
    uri: AtUri,
    cid: Cid | None,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline

    async def page(subject: int) -> JsonObject:
        fetch = partial(interactions.quotes, pipeline.index, subject)
        show = partial(pipeline.post_views, audience)
        return await pipeline.listed("posts", fetch, show, limit, cursor)

    return await _about(appview, uri, cid, page, "posts")


async def _about(
    appview: AppView,
    uri: AtUri,
    cid: Cid | None,
    page: Callable[[int], Awaitable[JsonObject]],
    name: str,
) -> Json:
    """Answer with a page about a record, naming it as it was asked for; empty if unknown."""
    subject = lookups.record(appview, uri)
    named: JsonObject = {"uri": uri} if cid is None else {"uri": uri, "cid": str(cid)}
    return {**named, **({name: []} if subject is None else await page(subject))}
