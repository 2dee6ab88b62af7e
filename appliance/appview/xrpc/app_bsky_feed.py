"""app.bsky.feed.*: feeds. Posts, threads and search are in `app_bsky_feed_posts`."""

from functools import partial

from appliance.appview.filters import in_author_feed, in_timeline
from appliance.appview.hydrate.hydration import Audience, Hydration, SignedIn
from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.pipeline import answer, at_once
from appliance.appview.role import AppView
from appliance.appview.skeletons import authors, collections, packs, timelines
from appliance.appview.skeletons.slices import (
    NEWEST,
    Position,
    Slice,
    format_cursor,
)
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone, signed_in
from appliance.atproto.syntax import AtIdentifier, AtUri, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.feed.getTimeline", auth=signed_in)
async def get_timeline(
    appview: AppView,
    viewer: SignedIn,
    *,
    algorithm: str | None,
    limit: int,
    cursor: str | None,
) -> Json:
    """Give what the viewer and those they follow posted. There is one algorithm: time."""
    if viewer.id is None:
        return {"feed": []}
    index, viewer_id = appview.pipeline.index, viewer.id
    return await appview.pipeline.feed(
        viewer,
        lambda before, count: timelines.timeline(index, viewer_id, before, count),
        limit,
        cursor,
        in_timeline,
    )


@methods.query("app.bsky.feed.getAuthorFeed", auth=anyone)
async def get_author_feed(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
    filter: str,
    include_pins: bool,
) -> Json:
    actor_id = lookups.actor(appview, actor)
    h = appview.pipeline.hydrate.actors(audience, [actor_id])
    _refuse_blocked(h, actor_id)
    pinned = h.actors[actor_id].pinned_id
    with_pin = include_pins and pinned is not None and filter not in authors.MEDIA_FILTERS
    first = []
    if with_pin and pinned is not None and cursor is None:
        item = FeedItem(NEWEST.sort_us, pinned, actor_id, pinned, pinned=True)
        views = appview.pipeline.feed_items(audience, [item], in_author_feed)
        first = [view for view in views if view is not None]

    def keep(page: Hydration, item: FeedItem) -> bool:
        is_pin = with_pin and item.id == pinned
        return not is_pin and in_author_feed(page, item)

    def fetch(before: Position, count: int) -> Slice[FeedItem]:
        return authors.author_feed(appview.pipeline.index, actor_id, filter, before, count)

    if len(first) == limit:
        return answer("feed", first, format_cursor(NEWEST))
    page = await appview.pipeline.feed(audience, at_once(fetch), limit - len(first), cursor, keep)
    return {**page, "feed": first + page["feed"]}


@methods.query("app.bsky.feed.getActorLikes", auth=signed_in)
async def get_actor_likes(
    appview: AppView,
    viewer: SignedIn,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
) -> Json:
    """Give what the viewer likes; what others like is not listed."""
    actor_id = lookups.actor(appview, actor)
    if actor_id != viewer.id:
        raise InvalidRequest("Profile not found")
    index = appview.pipeline.index
    return await appview.pipeline.feed(
        viewer,
        at_once(lambda before, count: authors.actor_likes(index, actor_id, before, count)),
        limit,
        cursor,
        in_author_feed,
    )


@methods.query("app.bsky.feed.getListFeed", auth=anyone)
async def get_list_feed(
    appview: AppView,
    audience: Audience,
    *,
    list: AtUri,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline
    list_id = lookups.record(appview, list)
    shown = [] if list_id is None else pipeline.list_views(audience, [list_id])
    if list_id is None or shown[0] is None:
        raise InvalidRequest("List not found", "UnknownList")
    found = list_id
    return await pipeline.feed(
        audience,
        lambda before, count: timelines.list_feed(pipeline.index, found, before, count),
        limit,
        cursor,
        in_timeline,
    )


@methods.procedure("app.bsky.feed.sendInteractions", auth=signed_in)
async def send_interactions(
    appview: AppView, viewer: SignedIn, *, feed: AtUri | None, interactions: list[JsonObject]
) -> Json:
    """Take note of nothing: the feeds of this network are made by rules that nobody trains."""
    return {}


@methods.query("app.bsky.feed.getFeedGenerators", auth=anyone)
async def get_feed_generators(appview: AppView, audience: Audience, *, feeds: list[AtUri]) -> Json:
    views = appview.pipeline.generator_views(audience, lookups.records(appview, feeds))
    return {"feeds": [view for view in views if view is not None]}


@methods.query("app.bsky.feed.getActorFeeds", auth=anyone)
async def get_actor_feeds(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline
    fetch = partial(collections.generators_by, pipeline.index, lookups.actor(appview, actor))
    show = partial(pipeline.generator_views, audience)
    return await pipeline.listed("feeds", fetch, show, limit, cursor)


@methods.query("app.bsky.feed.getSuggestedFeeds", auth=anyone)
async def get_suggested_feeds(
    appview: AppView, audience: Audience, *, limit: int, cursor: str | None
) -> Json:
    """Give the feed generators we know, the most liked first."""
    pipeline = appview.pipeline
    shown, after = await pipeline.page(
        partial(packs.popular_generators, pipeline.index, audience.caller, "", appview.feeds.did),
        lambda rows: pipeline.generator_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return answer("feeds", shown, after)


def _refuse_blocked(h: Hydration, actor_id: int) -> None:
    """Say which side blocks. Raises InvalidRequest."""
    relation = h.relation(actor_id)
    if relation.blocks:
        raise InvalidRequest("Requester has blocked actor", "BlockedActor")
    if relation.is_blocked_by:
        raise InvalidRequest("Requester is blocked by actor", "BlockedByActor")
