"""app.bsky.graph.*: starter packs."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from appliance.appview.hydrate.hydration import Audience, SignedIn
from appliance.appview.pipeline import answer
from appliance.appview.role import AppView
from appliance.appview.skeletons import collections, packs
from appliance.appview.views import lists
from appliance.appview.views import packs as pack_views
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone, signed_in
from appliance.atproto.syntax import AtIdentifier, AtUri, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

# A whole view has twelve of the list and three feeds: so many are a page, whatever is asked for.
MOST_WHOLE: Final = 20

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.graph.getStarterPack", auth=anyone)
async def get_starter_pack(appview: AppView, audience: Audience, *, starter_pack: AtUri) -> Json:
    found = lookups.record(appview, starter_pack)
    view = None if found is None else appview.pipeline.starter_pack_views(audience, [found])[0]
    if view is None:
        raise InvalidRequest("Starter pack not found")
    return {"starterPack": view}


@methods.query("app.bsky.graph.getStarterPacks", auth=anyone)
async def get_starter_packs(appview: AppView, audience: Audience, *, uris: list[AtUri]) -> Json:
    views = _basic(appview, audience, lookups.records(appview, uris))
    return {"starterPacks": [view for view in views if view is not None]}


@methods.query("app.bsky.graph.getActorStarterPacks", auth=anyone)
async def get_actor_starter_packs(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline
    fetch = partial(packs.starter_packs_by, pipeline.index, lookups.actor(appview, actor))
    show = partial(_basic, appview, audience)
    return await pipeline.listed("starterPacks", fetch, show, limit, cursor)


@methods.query("app.bsky.graph.getStarterPacksWithMembership", auth=signed_in)
async def get_starter_packs_with_membership(
    appview: AppView, viewer: SignedIn, *, actor: AtIdentifier, limit: int, cursor: str | None
) -> Json:
    """Give the viewer's starter packs, each with the item by which an account is in it."""
    pipeline = appview.pipeline
    actor_id = lookups.actor(appview, actor)
    subject = pipeline.profile_views(viewer, [actor_id], with_blocked=True)[0]

    def show(found: Sequence[int]) -> list[JsonObject | None]:
        h = pipeline.hydrate.starter_packs(viewer, found)
        lists_of = {pack: row.list_id for pack, row in h.starter_packs.items()}
        items = collections.memberships(pipeline.index, lists_of.values(), actor_id)
        shown: list[JsonObject | None] = []
        for pack in found:
            view = pack_views.full(h, pack)
            rkey = items.get(lists_of.get(pack, 0))
            if view is None or subject is None:
                shown.append(None)
            elif rkey is None:
                shown.append({"starterPack": view})
            else:
                item = lists.item(viewer.did, rkey, subject)
                shown.append({"starterPack": view, "listItem": item})
        return shown

    fetch = partial(packs.starter_packs_by, pipeline.index, viewer.id or 0)
    most = min(limit, MOST_WHOLE)
    return await pipeline.listed("starterPacksWithMembership", fetch, show, most, cursor)


@methods.query("app.bsky.graph.searchStarterPacks", auth=anyone)
async def search_starter_packs(
    appview: AppView, audience: Audience, *, q: str, limit: int, cursor: str | None
) -> Json:
    shown, after = await appview.pipeline.page(
        partial(packs.search_starter_packs, appview.pipeline.index, audience.caller, q),
        lambda rows: _basic(appview, audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return answer("starterPacks", shown, after)


@methods.query("app.bsky.graph.searchStarterPacksV2", auth=anyone)
async def search_starter_packs_v2(
    appview: AppView, audience: Audience, *, q: str, limit: int, cursor: str | None
) -> Json:
    shown, after = await appview.pipeline.page(
        partial(packs.search_starter_packs, appview.pipeline.index, audience.caller, q),
        lambda rows: appview.pipeline.starter_pack_views(audience, [row.id for row in rows]),
        min(limit, MOST_WHOLE),
        cursor,
    )
    return answer("starterPacks", shown, after)


def _basic(appview: AppView, audience: Audience, found: Sequence[int]) -> list[JsonObject | None]:
    h = appview.pipeline.hydrate.collections(audience, found)
    return [pack_views.basic(h, pack) for pack in found]
