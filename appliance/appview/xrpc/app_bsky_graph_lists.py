"""app.bsky.graph.*: lists and who is on them. Starter packs are in `app_bsky_graph_packs`."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Audience, SignedIn
from appliance.appview.pipeline import answer, at_once
from appliance.appview.role import AppView
from appliance.appview.skeletons import collections
from appliance.appview.skeletons.collections import ListItem
from appliance.appview.views import actors, lists
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone, signed_in
from appliance.appview.xrpc.private_lists import private_page
from appliance.atproto.syntax import AtIdentifier, AtUri, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

# What `purposes` selects from; lists made for starter packs are not shown as lists.
SHOWN_PURPOSES: Final = ("modlist", "curatelist")
LIST_COLLECTION: Final = "app.bsky.graph.list"

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.graph.getLists", auth=anyone)
async def get_lists(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
    purposes: list[str] | None,
) -> Json:
    pipeline = appview.pipeline
    actor_id = lookups.actor(appview, actor)
    fetch = partial(collections.lists_by, pipeline.index, actor_id, _purposes(purposes))
    show = partial(pipeline.list_views, audience)
    return await pipeline.listed("lists", fetch, show, limit, cursor)


@methods.query("app.bsky.graph.getListsWithMembership", auth=signed_in)
async def get_lists_with_membership(
    appview: AppView,
    viewer: SignedIn,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
    purposes: list[str] | None,
) -> Json:
    """Give the viewer's lists, each with the item by which an account stands on it."""
    pipeline = appview.pipeline
    actor_id = lookups.actor(appview, actor)
    subject = pipeline.profile_views(viewer, [actor_id], with_blocked=True)[0]

    def show(found: Sequence[int]) -> list[JsonObject | None]:
        items = collections.memberships(pipeline.index, found, actor_id)
        shown: list[JsonObject | None] = []
        for list_id, view in zip(found, pipeline.list_views(viewer, found), strict=True):
            if view is None or subject is None:
                shown.append(None)
            elif list_id in items:
                item = lists.item(viewer.did, items[list_id], subject)
                shown.append({"list": view, "listItem": item})
            else:
                shown.append({"list": view})
        return shown

    fetch = partial(collections.lists_by, pipeline.index, viewer.id or 0, _purposes(purposes))
    return await pipeline.listed("listsWithMembership", fetch, show, limit, cursor)


@methods.query("app.bsky.graph.getList", auth=anyone)
async def get_list(
    appview: AppView,
    audience: Audience,
    *,
    list: AtUri,
    limit: int,
    cursor: str | None,
) -> Json:
    pipeline = appview.pipeline
    found = lookups.record(appview, list)
    view = None if found is None else pipeline.list_views(audience, [found])[0]
    if found is None or view is None:
        raise InvalidRequest("List not found")
    list_id, did = found, view["creator"]["did"]

    def show(rows: Sequence[ListItem]) -> Sequence[JsonObject | None]:
        h = pipeline.hydrate.actors(audience, [row.id for row in rows])
        views = [(row, actors.profile(h, row.id)) for row in rows]
        return [
            None if subject is None else lists.item(did, row.rkey, subject)
            for row, subject in views
        ]

    shown, after = await pipeline.page(
        at_once(partial(collections.list_members, pipeline.index, list_id)), show, limit, cursor
    )
    return {"list": view, **answer("items", shown, after)}


@methods.query("app.bsky.graph.getListBlocks", auth=signed_in)
async def get_list_blocks(
    appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None
) -> Json:
    pipeline = appview.pipeline
    fetch = partial(collections.blocked_lists, pipeline.index, viewer.id or 0)
    show = partial(pipeline.list_views, viewer)
    return await pipeline.listed("lists", fetch, show, limit, cursor)


@methods.query("app.bsky.graph.getListMutes", auth=signed_in)
async def get_list_mutes(
    appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None
) -> Json:
    pipeline = appview.pipeline

    def show(uris: Sequence[str]) -> Sequence[JsonObject | None]:
        known = ids.subject_ids(pipeline.index, uris)
        return pipeline.list_views(viewer, [known[uri] for uri in uris if uri in known])

    return private_page(
        lambda after: pipeline.viewers.muted_lists_page(viewer.did, limit, after),
        show,
        "lists",
        cursor,
    )


@methods.procedure("app.bsky.graph.muteActorList", auth=signed_in)
async def mute_actor_list(appview: AppView, viewer: SignedIn, *, list: AtUri) -> None:
    if list.collection != LIST_COLLECTION:
        raise InvalidRequest("Not the address of a list")
    address = ids.with_did(appview.pipeline.index, list)
    await appview.pipeline.viewers.mute_list(viewer.did, address)


@methods.procedure("app.bsky.graph.unmuteActorList", auth=signed_in)
async def unmute_actor_list(
    appview: AppView,
    viewer: SignedIn,
    *,
    list: AtUri,
) -> None:
    address = ids.with_did(appview.pipeline.index, list)
    await appview.pipeline.viewers.unmute_list(viewer.did, address)


def _purposes(named: Sequence[str] | None) -> list[str]:
    return [f"app.bsky.graph.defs#{name}" for name in named or SHOWN_PURPOSES]
