"""app.bsky.feed.*: feeds made by rules here or by services elsewhere; ours, for other AppViews."""

from typing import Final

from aiohttp import web

from appliance.appview.feeds.rules import FeedRule
from appliance.appview.filters import in_feed
from appliance.appview.hydrate.hydration import Audience, Viewer
from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.pipeline import answer
from appliance.appview.role import AppView
from appliance.appview.skeletons.slices import (
    Position,
    Slice,
    collection_of,
    format_cursor,
    parse_cursor,
)
from appliance.appview.views.weights import fitting
from appliance.appview.xrpc import lookups, own_feeds
from appliance.appview.xrpc.auth import FEED_TOKEN, anyone, feed_reader, skeleton_reader
from appliance.atproto.syntax import AtUri, Did, Json, JsonObject
from appliance.atproto.xrpc.errors import AuthRequired, InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()

# What a feed's service may know of a reader besides who it is.
_SENT_ON: Final = ("Accept-Language", "X-Bsky-Topics")


@methods.query("app.bsky.feed.getFeed", auth=feed_reader)
async def get_feed(
    appview: AppView,
    audience: Audience,
    *,
    request: web.Request,
    feed: AtUri,
    limit: int,
    cursor: str | None,
) -> Json:
    """Give the posts of a feed: by its rule if it is ours, else those that its service names."""
    generator = _generator(appview, audience, feed)
    if generator["did"] != appview.feeds.did:
        return await _elsewhere(appview, audience, request, generator, (limit, cursor))
    rule = _rule(appview, generator["uri"])
    reader = audience.id

    async def fetch(before: Position, count: int) -> Slice[FeedItem]:
        part = await own_feeds.part(appview, rule, reader, before, count)
        return Slice([FeedItem(p.sort_us, p.id, p.actor_id, p.id) for p in part.rows], part.after)

    return await appview.pipeline.feed(audience, fetch, limit, cursor, in_feed)


@methods.query("app.bsky.feed.getFeedGenerator", auth=anyone)
async def get_feed_generator(appview: AppView, audience: Audience, *, feed: AtUri) -> Json:
    view = _generator(appview, audience, feed)
    if view["did"] == appview.feeds.did:
        is_valid = appview.feeds.rule(view["uri"]) is not None
    else:
        is_valid = await appview.feed_services.is_reachable(view["did"])
    return {"view": view, "isOnline": is_valid, "isValid": is_valid}


@methods.query("app.bsky.feed.getFeedSkeleton", auth=skeleton_reader)
async def get_feed_skeleton(
    appview: AppView, reader: Viewer | None, *, feed: AtUri, limit: int, cursor: str | None
) -> Json:
    """Name the posts of a feed of ours, for any AppView."""
    rule = _rule(appview, feed)
    if rule.is_personal and reader is None:
        raise AuthRequired("This feed differs from reader to reader")
    reader_id = None if reader is None else reader.id
    part = await own_feeds.part(appview, rule, reader_id, parse_cursor(cursor), limit)
    page: JsonObject = {"feed": [{"post": post.uri} for post in part.rows]}
    return page if part.after is None else {**page, "cursor": format_cursor(part.after)}


@methods.query("app.bsky.feed.describeFeedGenerator")
async def describe_feed_generator(appview: AppView) -> Json:
    did = appview.feeds.did
    if did is None:
        raise InvalidRequest("This network offers no feeds yet", "UnknownFeed")
    rules = appview.feed_store.rules
    return {"did": did, "feeds": [{"uri": appview.feeds.uri(rule)} for rule in rules]}


async def _elsewhere(
    appview: AppView,
    audience: Audience,
    request: web.Request,
    generator: JsonObject,
    page: tuple[int, str | None],
) -> Json:
    """Ask the service of a feed, in the reader's name."""
    did, pipeline = Did(generator["did"]), appview.pipeline
    headers = {name: request.headers[name] for name in _SENT_ON if name in request.headers}
    token = await _token_for(appview, audience, request, did)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    skeleton = await appview.feed_services.skeleton(did, generator["uri"], page, headers)
    items = skeleton.items(lookups.ids_of(appview, skeleton.uris()))[: page[0]]
    views = pipeline.feed_items(audience, [item for item, _ in items], in_feed)
    shown = [{**view, **context} for view, (_, context) in zip(views, items, strict=True) if view]
    # Where its next page begins the service alone knows: what does not fit is left out.
    return answer("feed", shown[: fitting(shown)[0]], skeleton.cursor)


async def _token_for(
    appview: AppView, audience: Audience, request: web.Request, service: Did
) -> str | None:
    """Find what tells a service who reads; None for nobody, and for those we cannot vouch for.

    Raises AuthRequired for a token that is for another service.
    """
    if FEED_TOKEN in request:
        token, name = request[FEED_TOKEN]
        if name != service:
            raise AuthRequired("jwt audience does not match the feed", "BadJwtAudience")
        return token
    if audience.viewer is None:
        return None
    return await appview.feeds.token(audience.viewer.did, service)


def _rule(appview: AppView, feed: AtUri) -> FeedRule:
    """Find the rule of a feed of ours. Raises InvalidRequest (UnknownFeed)."""
    rule = appview.feeds.rule(feed)
    if rule is None:
        raise InvalidRequest("could not find feed", "UnknownFeed")
    return rule


def _generator(appview: AppView, audience: Audience, feed: AtUri) -> JsonObject:
    """Make the view of a feed generator. Raises InvalidRequest (UnknownFeed)."""
    found = lookups.record(appview, feed)
    is_feed = collection_of(feed) == "app.bsky.feed.generator"
    if found is None or not is_feed:
        raise InvalidRequest("could not find feed", "UnknownFeed")
    view = appview.pipeline.generator_views(audience, [found])[0]
    if view is None:
        raise InvalidRequest("could not find feed", "UnknownFeed")
    return view
