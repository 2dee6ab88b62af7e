"""What clients are shown before they know what to look for: on a small network, what there is."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.role import AppView
from appliance.appview.skeletons import graphs, packs
from appliance.appview.skeletons.slices import NEWEST
from appliance.appview.skeletons.trends import trends
from appliance.appview.views.trends import trend
from appliance.appview.xrpc import own_feeds
from appliance.atproto.syntax import JsonObject


def users(appview: AppView, audience: Audience, viewer: int | None, limit: int) -> list[JsonObject]:
    """Give the most followed accounts an account does not follow."""
    pipeline = appview.pipeline
    found = graphs.suggestions(pipeline.index, viewer, NEWEST, limit)
    views = pipeline.profile_views(audience, [row.id for row in found.rows])
    return [view for view in views if view is not None]


async def feeds(appview: AppView, audience: Audience, limit: int) -> list[JsonObject]:
    """Give the most liked feed generators, but not those of ours that hold nothing yet.

    The official client shows posts of each, and takes an empty one alone for an error.
    """
    pipeline = appview.pipeline
    found = await packs.popular_generators(
        pipeline.index, audience.caller, "", appview.feeds.did, NEWEST, limit
    )
    views = pipeline.generator_views(audience, [row.id for row in found.rows])
    shown = [view for view in views if view is not None]
    return [
        view for view in shown if not await own_feeds.is_bare(appview, view["uri"], audience.id)
    ]


async def starter_packs(appview: AppView, audience: Audience, limit: int) -> list[JsonObject]:
    """Give the starter packs most accounts joined by."""
    pipeline = appview.pipeline
    found = await packs.popular_starter_packs(pipeline.index, audience.caller, NEWEST, limit)
    views = pipeline.starter_pack_views(audience, [row.id for row in found.rows])
    return [view for view in views if view is not None]


async def trending(appview: AppView, audience: Audience, limit: int) -> list[JsonObject]:
    """Give the hashtags that several accounts write about; none where nobody may read."""
    if audience.viewer is None and not appview.logged_out_reads:
        return []
    pipeline = appview.pipeline
    found = await trends(pipeline.index, audience.caller, appview.clock.now_us(), limit)
    h = pipeline.hydrate.actors(audience, {actor for each in found for actor in each.actors})
    views = (trend(h, each) for each in found)
    return [view for view in views if view is not None]
