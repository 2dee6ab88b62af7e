"""app.bsky.feed.*: posts, threads, who liked or quoted them, and search in them."""

from collections.abc import Iterable, Sequence
from typing import Literal

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Audience
from appliance.appview.pipeline import answer, at_once
from appliance.appview.role import AppView
from appliance.appview.skeletons import interactions, search, threads
from appliance.appview.skeletons.interactions import Like
from appliance.appview.skeletons.queries import (
    BadQueryString,
    PostQuery,
    parse_post_query,
    parse_time,
)
from appliance.appview.skeletons.search import Actors
from appliance.appview.views import posts
from appliance.appview.views import threads as thread_views
from appliance.appview.views.values import iso
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import (
    AtIdentifier,
    AtUri,
    InvalidSyntax,
    Json,
    JsonObject,
    parse_at_identifier,
)
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

# A tree of replies is nested JSON: deeper than this, clients go on from the last post.
DEEPEST = 60
HIGHEST = 80

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.feed.getPosts", auth=anyone)
async def get_posts(appview: AppView, audience: Audience, *, uris: list[AtUri]) -> Json:
    views = appview.pipeline.post_views(audience, lookups.records(appview, uris))
    return {"posts": [view for view in views if view is not None]}


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
    subject = lookups.record(appview, uri)
    if subject is None:
        return _about(uri, cid, {"likes": []})
    found = subject

    def show(rows: Sequence[Like]) -> list[JsonObject | None]:
        views = pipeline.profile_views(audience, [row.id for row in rows])
        return [
            {"actor": view, "createdAt": iso(row.created_us), "indexedAt": iso(row.indexed_us)}
            if view is not None
            else None
            for row, view in zip(rows, views, strict=True)
        ]

    shown, after = await pipeline.page(
        at_once(lambda before, count: interactions.likes(pipeline.index, found, before, count)),
        show,
        limit,
        cursor,
    )
    return _about(uri, cid, answer("likes", shown, after))


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
    index = appview.pipeline.index
    subject = lookups.record(appview, uri)
    if subject is None:
        return _about(uri, cid, {"repostedBy": []})
    found = subject
    page = await appview.pipeline.profiles(
        audience,
        at_once(lambda before, count: interactions.reposters(index, found, before, count)),
        "repostedBy",
        limit,
        cursor,
    )
    return _about(uri, cid, page)


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
    subject = lookups.record(appview, uri)
    if subject is None:
        return _about(uri, cid, {"posts": []})
    found = subject
    shown, after = await pipeline.page(
        at_once(lambda before, count: interactions.quotes(pipeline.index, found, before, count)),
        lambda rows: pipeline.post_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return _about(uri, cid, answer("posts", shown, after))


@methods.query("app.bsky.feed.searchPosts", auth=anyone)
async def search_posts(
    appview: AppView,
    audience: Audience,
    *,
    q: str,
    sort: str,
    since: str | None,
    until: str | None,
    mentions: AtIdentifier | None,
    author: AtIdentifier | None,
    lang: str | None,
    domain: str | None,
    url: str | None,
    tag: list[str] | None,
    limit: int,
    cursor: str | None,
) -> Json:
    query = parse_post_query(q, _me(audience))
    for given, values in (
        (author, query.authors),
        (mentions, query.mentions),
        (lang, query.langs),
        (domain, query.domains),
        (url, query.urls),
    ):
        if given is not None:
            values.append(given)
    query.tags += [value.removeprefix("#") for value in tag or ()]
    _set_times(query, since, until)
    return await _search(appview, audience, query, sort, (limit, cursor))


@methods.query("app.bsky.feed.searchPostsV2", auth=anyone)
async def search_posts_v2(
    appview: AppView,
    audience: Audience,
    *,
    cursor: str | None,
    limit: int,
    query: str | None,
    sort: str | None,
    authors: list[AtIdentifier] | None,
    mentions: list[AtIdentifier] | None,
    domains: list[str] | None,
    urls: list[str] | None,
    embedded_at_uris: list[AtUri] | None,
    hashtags: list[str] | None,
    exclude_authors: list[AtIdentifier] | None,
    exclude_mentions: list[AtIdentifier] | None,
    exclude_domains: list[str] | None,
    exclude_urls: list[str] | None,
    exclude_embedded_at_uris: list[AtUri] | None,
    exclude_hashtags: list[str] | None,
    since: str | None,
    until: str | None,
    all_time: bool | None,
    languages: list[str] | None,
    exclude_languages: list[str] | None,
    has_media: bool | None,
    has_video: bool | None,
    reply_parent_uri: AtUri | None,
    thread_root_uri: AtUri | None,
    exclude_replies: bool | None,
    replies_only: bool | None,
    following: bool | None,
    query_language: str | None,
) -> Json:
    """Search by structured filters. all_time: we have no other; query_language: taken as it is."""
    wanted = parse_post_query(query or "", _me(audience))
    for given, values in (
        (authors, wanted.authors),
        (mentions, wanted.mentions),
        (domains, wanted.domains),
        (urls, wanted.urls),
        (embedded_at_uris, wanted.embedded),
        (hashtags, wanted.tags),
        (exclude_authors, wanted.without_authors),
        (exclude_mentions, wanted.without_mentions),
        (exclude_domains, wanted.without_domains),
        (exclude_urls, wanted.without_urls),
        (exclude_embedded_at_uris, wanted.without_embedded),
        (exclude_hashtags, wanted.without_tags),
        (languages, wanted.langs),
        (exclude_languages, wanted.without_langs),
    ):
        values += [value.removeprefix("#") for value in given or ()]
    wanted.parent, wanted.root = reply_parent_uri, thread_root_uri
    wanted.has_media, wanted.has_video = bool(has_media), bool(has_video)
    wanted.is_followed = bool(following)
    if exclude_replies or replies_only:
        wanted.is_reply = bool(replies_only)
    _set_times(wanted, since, until)
    return await _search(appview, audience, wanted, sort or "recent", (limit, cursor))


async def _search(
    appview: AppView,
    audience: Audience,
    query: PostQuery,
    sort: str,
    place: tuple[int, str | None],
) -> Json:
    """Search; place is (limit, cursor)."""
    pipeline = appview.pipeline
    named = Actors(audience.id, _actors(appview, _names(query)))
    order: Literal["top", "latest"] = "top" if sort == "top" else "latest"
    shown, after = await pipeline.page(
        lambda before, count: search.search_posts(
            pipeline.index, query, named, order, (before, count)
        ),
        lambda rows: pipeline.post_views(audience, [row.id for row in rows]),
        *place,
    )
    return answer("posts", shown, after)


def _names(query: PostQuery) -> list[str]:
    return [
        *query.authors,
        *query.mentions,
        *query.without_authors,
        *query.without_mentions,
    ]


def _actors(appview: AppView, names: Iterable[str]) -> dict[str, int]:
    """Find the accounts a query names. Raises BadQueryString."""
    found: dict[str, int] = {}
    for name in names:
        try:
            actor = parse_at_identifier(name)
        except InvalidSyntax as error:
            raise BadQueryString(str(error)) from error
        actor_id = ids.actor_id(appview.pipeline.index, actor)
        if actor_id is not None:
            found[name] = actor_id
    return found


def _set_times(query: PostQuery, since: str | None, until: str | None) -> None:
    if since is not None:
        query.since_us = parse_time(since)
    if until is not None:
        query.until_us = parse_time(until)


def _me(audience: Audience) -> str | None:
    return None if audience.viewer is None else audience.viewer.did


def _about(uri: AtUri, cid: Cid | None, page: JsonObject) -> JsonObject:
    """Name the record an answer is about, as it was asked for."""
    named: JsonObject = {"uri": uri} if cid is None else {"uri": uri, "cid": str(cid)}
    return {**named, **page}
