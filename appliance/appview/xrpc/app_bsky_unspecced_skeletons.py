"""app.bsky.unspecced.*Skeleton: the same suggestions and searches, as ids alone.

Of the viewer a caller names nothing private is looked at, only whom they follow.
"""

from functools import partial

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Audience
from appliance.appview.role import AppView
from appliance.appview.skeletons import graphs, packs, search
from appliance.appview.skeletons.queries import parse_post_query
from appliance.appview.xrpc import suggestions
from appliance.appview.xrpc.auth import anyone
from appliance.appview.xrpc.searches import SimpleFilters, found_posts
from appliance.atproto.syntax import AtIdentifier, Did, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.unspecced.getSuggestedUsersSkeleton", auth=anyone)
async def get_suggested_users_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, category: str | None, limit: int
) -> Json:
    return {"dids": _dids(appview, audience, viewer, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsersForExploreSkeleton", auth=anyone)
async def get_suggested_users_for_explore_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, category: str | None, limit: int
) -> Json:
    return {"dids": _dids(appview, audience, viewer, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsersForSeeMoreSkeleton", auth=anyone)
async def get_suggested_users_for_see_more_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, category: str | None, limit: int
) -> Json:
    return {"dids": _dids(appview, audience, viewer, limit)}


@methods.query("app.bsky.unspecced.getOnboardingSuggestedUsersSkeleton", auth=anyone)
async def get_onboarding_suggested_users_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, category: str | None, limit: int
) -> Json:
    return {"dids": _dids(appview, audience, viewer, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsersForDiscoverSkeleton", auth=anyone)
async def get_suggested_users_for_discover_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, limit: int
) -> Json:
    return {"dids": _dids(appview, audience, viewer, limit)}


def _dids(appview: AppView, audience: Audience, viewer: Did | None, limit: int) -> list[str]:
    viewer_id = _viewer_id(appview, viewer)
    return [view["did"] for view in suggestions.users(appview, audience, viewer_id, limit)]


def _viewer_id(appview: AppView, viewer: Did | None) -> int | None:
    return None if viewer is None else ids.actor_id(appview.pipeline.index, viewer)


@methods.query("app.bsky.unspecced.getSuggestionsSkeleton", auth=anyone)
async def get_suggestions_skeleton(
    appview: AppView,
    audience: Audience,
    *,
    viewer: Did | None,
    limit: int,
    cursor: str | None,
    relative_to_did: Did | None,
) -> Json:
    """Give the most followed accounts. relative_to_did: nearness is not measured here."""
    fetch = partial(graphs.suggestions, appview.pipeline.index, _viewer_id(appview, viewer))
    page = await appview.pipeline.profiles(audience, fetch, "actors", limit, cursor)
    return {**page, "actors": [{"did": view["did"]} for view in page["actors"]]}


@methods.query("app.bsky.unspecced.getSuggestedFeedsSkeleton", auth=anyone)
async def get_suggested_feeds_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, limit: int
) -> Json:
    return {"feeds": _uris(await suggestions.feeds(appview, audience, limit))}


@methods.query("app.bsky.unspecced.getSuggestedStarterPacksSkeleton", auth=anyone)
async def get_suggested_starter_packs_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, limit: int
) -> Json:
    return {"starterPacks": _uris(await suggestions.starter_packs(appview, audience, limit))}


@methods.query("app.bsky.unspecced.getOnboardingSuggestedStarterPacksSkeleton", auth=anyone)
async def get_onboarding_suggested_starter_packs_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, limit: int
) -> Json:
    return {"starterPacks": _uris(await suggestions.starter_packs(appview, audience, limit))}


def _uris(views: list[JsonObject]) -> list[str]:
    return [view["uri"] for view in views]


@methods.query("app.bsky.unspecced.getTrendsSkeleton", auth=anyone)
async def get_trends_skeleton(
    appview: AppView, audience: Audience, *, viewer: Did | None, limit: int
) -> Json:
    found = await suggestions.trending(appview, audience, limit)
    return {
        "trends": [
            {
                **{name: value for name, value in view.items() if name != "actors"},
                "dids": [actor["did"] for actor in view["actors"]],
            }
            for view in found
        ]
    }


@methods.query("app.bsky.unspecced.searchActorsSkeleton", auth=anyone)
async def search_actors_skeleton(
    appview: AppView,
    audience: Audience,
    *,
    q: str,
    viewer: Did | None,
    typeahead: bool | None,
    limit: int,
    cursor: str | None,
) -> Json:
    """Search accounts; what is typed may always be unfinished."""
    pipeline = appview.pipeline
    shown, after = await pipeline.page(
        partial(search.search_actors, pipeline.index, q, _viewer_id(appview, viewer)),
        lambda rows: pipeline.profile_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return _found("actors", "did", shown, after)


@methods.query("app.bsky.unspecced.searchPostsSkeleton", auth=anyone)
async def search_posts_skeleton(
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
    viewer: Did | None,
    limit: int,
    cursor: str | None,
) -> Json:
    query = parse_post_query(q, viewer)
    SimpleFilters(author, mentions, lang, domain, url, tag, since, until).narrow(query)
    page = await found_posts(appview, audience, query, sort, (limit, cursor))
    return _found("posts", "uri", page["posts"], page.get("cursor"))


@methods.query("app.bsky.unspecced.searchStarterPacksSkeleton", auth=anyone)
async def search_starter_packs_skeleton(
    appview: AppView,
    audience: Audience,
    *,
    q: str,
    viewer: Did | None,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline
    shown, after = await pipeline.page(
        partial(packs.search_starter_packs, pipeline.index, audience.caller, q),
        lambda rows: pipeline.starter_pack_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return _found("starterPacks", "uri", shown, after)


def _found(name: str, key: str, views: list[JsonObject], cursor: str | None) -> Json:
    """Answer with nothing but the key of each view."""
    page: JsonObject = {name: [{key: view[key]} for view in views]}
    return page if cursor is None else {**page, "cursor": cursor}
