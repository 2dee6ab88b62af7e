"""app.bsky.unspecced.*: suggestions and trends, from what this network has.

Threads are in `app_bsky_unspecced_threads`, the answers of ids alone in `..._skeletons`.
"""

from functools import partial

from appliance.appview.hydrate.hydration import Audience, SignedIn
from appliance.appview.pipeline import answer
from appliance.appview.role import AppView
from appliance.appview.skeletons import packs
from appliance.appview.views import trends as trend_views
from appliance.appview.xrpc import suggestions
from appliance.appview.xrpc.auth import anyone, everyone, signed_in
from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.unspecced.getConfig", auth=everyone)
async def get_config(appview: AppView, audience: Audience) -> Json:
    return {"checkEmailConfirmed": False, "liveNow": []}


@methods.query("app.bsky.unspecced.getPopularFeedGenerators", auth=anyone)
async def get_popular_feed_generators(
    appview: AppView, audience: Audience, *, limit: int, cursor: str | None, query: str | None
) -> Json:
    """Give feed generators, the most liked first; those told of with the words of the query."""
    pipeline, own = appview.pipeline, appview.feeds.did
    shown, after = await pipeline.page(
        partial(packs.popular_generators, pipeline.index, audience.caller, query or "", own),
        lambda rows: pipeline.generator_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return answer("feeds", shown, after)


@methods.query("app.bsky.unspecced.getSuggestedFeeds", auth=anyone)
async def get_suggested_feeds(appview: AppView, audience: Audience, *, limit: int) -> Json:
    return {"feeds": await suggestions.feeds(appview, audience, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsersForExplore", auth=anyone)
async def get_suggested_users_for_explore(
    appview: AppView, audience: Audience, *, category: str | None, limit: int
) -> Json:
    return {"actors": suggestions.users(appview, audience, audience.id, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsersForSeeMore", auth=anyone)
async def get_suggested_users_for_see_more(
    appview: AppView, audience: Audience, *, category: str | None, limit: int
) -> Json:
    return {"actors": suggestions.users(appview, audience, audience.id, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsersForDiscover", auth=anyone)
async def get_suggested_users_for_discover(
    appview: AppView, audience: Audience, *, limit: int
) -> Json:
    return {"actors": suggestions.users(appview, audience, audience.id, limit)}


@methods.query("app.bsky.unspecced.getSuggestedUsers", auth=anyone)
async def get_suggested_users(
    appview: AppView, audience: Audience, *, category: str | None, limit: int
) -> Json:
    return {"actors": suggestions.users(appview, audience, audience.id, limit)}


@methods.query("app.bsky.unspecced.getSuggestedOnboardingUsers", auth=anyone)
async def get_suggested_onboarding_users(
    appview: AppView, audience: Audience, *, category: str | None, limit: int
) -> Json:
    return {"actors": suggestions.users(appview, audience, audience.id, limit)}


@methods.query("app.bsky.unspecced.getSuggestedStarterPacks", auth=anyone)
async def get_suggested_starter_packs(appview: AppView, audience: Audience, *, limit: int) -> Json:
    return {"starterPacks": await suggestions.starter_packs(appview, audience, limit)}


@methods.query("app.bsky.unspecced.getOnboardingSuggestedStarterPacks", auth=anyone)
async def get_onboarding_suggested_starter_packs(
    appview: AppView, audience: Audience, *, limit: int
) -> Json:
    return {"starterPacks": await suggestions.starter_packs(appview, audience, limit)}


@methods.query("app.bsky.unspecced.getTrendingTopics", auth=everyone)
async def get_trending_topics(
    appview: AppView, audience: Audience, *, viewer: Did | None, limit: int
) -> Json:
    found = await suggestions.trending(appview, audience, limit)
    return {"topics": [trend_views.topic(trend) for trend in found], "suggested": []}


@methods.query("app.bsky.unspecced.getTrends", auth=everyone)
async def get_trends(appview: AppView, audience: Audience, *, limit: int) -> Json:
    return {"trends": await suggestions.trending(appview, audience, limit)}


@methods.query("app.bsky.unspecced.getTaggedSuggestions", auth=everyone)
async def get_tagged_suggestions(appview: AppView, audience: Audience) -> Json:
    return {"suggestions": []}


@methods.query("app.bsky.unspecced.getAgeAssuranceState", auth=signed_in)
async def get_age_assurance_state(appview: AppView, viewer: SignedIn) -> Json:
    return {"status": "unknown"}


@methods.procedure("app.bsky.unspecced.initAgeAssurance", auth=signed_in)
async def init_age_assurance(
    appview: AppView, viewer: SignedIn, *, email: str, language: str, country_code: str
) -> Json:
    raise InvalidRequest("Nobody's age is assured here", "InvalidInitiation")
