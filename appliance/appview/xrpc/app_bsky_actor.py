"""app.bsky.actor.*: profiles, and finding people."""

from functools import partial

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.pipeline import answer
from appliance.appview.role import AppView
from appliance.appview.skeletons import graphs, search
from appliance.appview.views import actors, profiles
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone, everyone
from appliance.atproto.syntax import AtIdentifier, Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.actor.getProfile", auth=anyone)
async def get_profile(appview: AppView, audience: Audience, *, actor: AtIdentifier) -> Json:
    actor_id = lookups.actor(appview, actor)
    h = appview.pipeline.hydrate.actors(audience, [actor_id], with_known_followers=True)
    view = profiles.detailed(h, actor_id)
    if view is None:
        raise InvalidRequest("Profile not found")
    return view


@methods.query("app.bsky.actor.getProfiles", auth=everyone)
async def get_profiles(appview: AppView, audience: Audience, *, actors: list[AtIdentifier]) -> Json:
    ids = lookups.actors(appview, actors)
    h = appview.pipeline.hydrate.actors(audience, ids)
    views = (profiles.detailed(h, actor_id) for actor_id in ids)
    return {"profiles": [view for view in views if view is not None]}


@methods.query("app.bsky.actor.getSuggestions", auth=anyone)
async def get_suggestions(
    appview: AppView, audience: Audience, *, limit: int, cursor: str | None
) -> Json:
    pipeline = appview.pipeline
    fetch = partial(graphs.suggestions, pipeline.index, audience.id)
    return await pipeline.profiles(audience, fetch, "actors", limit, cursor)


@methods.query("app.bsky.actor.searchActors", auth=anyone)
async def search_actors(
    appview: AppView,
    audience: Audience,
    *,
    term: str | None,
    q: str | None,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline
    shown, after = await pipeline.page(
        lambda before, count: search.search_actors(
            pipeline.index, q or term or "", audience.id, before, count
        ),
        lambda rows: pipeline.profile_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return answer("actors", shown, after)


@methods.query("app.bsky.actor.searchActorsTypeahead", auth=anyone)
async def search_actors_typeahead(
    appview: AppView, audience: Audience, *, term: str | None, q: str | None, limit: int
) -> Json:
    pipeline = appview.pipeline
    found = await search.typeahead(pipeline.index, q or term or "", audience.id, limit)
    h = pipeline.hydrate.actors(audience, found)
    views = (actors.basic(h, actor_id) for actor_id in found if not h.is_blocked(actor_id))
    return {"actors": [view for view in views if view is not None]}
