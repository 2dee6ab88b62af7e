"""app.bsky.graph.*: follows, blocks and mutes of accounts. Lists are in `app_bsky_graph_lists`."""

from functools import partial

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Audience, Hydration, SignedIn
from appliance.appview.pipeline import FetchLater, answer, at_once
from appliance.appview.role import AppView
from appliance.appview.skeletons import graphs
from appliance.appview.skeletons.slices import Entry
from appliance.appview.views import actors
from appliance.appview.views.values import present
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone, signed_in
from appliance.appview.xrpc.private_lists import private_page
from appliance.atproto.syntax import AtIdentifier, AtUri, Did, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

MOST_SUGGESTIONS = 10

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.graph.getFollows", auth=anyone)
async def get_follows(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
    sort: str | None,
) -> Json:
    """Give whom an account follows, the newest first; by `top` those with most followers."""
    actor_id = lookups.actor(appview, actor, "Actor not found")
    index = appview.pipeline.index
    fetch = at_once(partial(graphs.follows, index, actor_id))
    if sort == "top":
        fetch = partial(graphs.follows_by_size, index, actor_id)
    return await _around(appview, audience, actor_id, fetch, ("follows", limit, cursor))


@methods.query("app.bsky.graph.getFollowers", auth=anyone)
async def get_followers(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
    sort: str | None,
) -> Json:
    """Give who follows an account, the newest first; by `top` those with most followers."""
    actor_id = lookups.actor(appview, actor, "Actor not found")
    index = appview.pipeline.index
    fetch = at_once(partial(graphs.followers, index, actor_id))
    if sort == "top":
        fetch = partial(graphs.followers_by_size, index, actor_id)
    return await _around(appview, audience, actor_id, fetch, ("followers", limit, cursor))


@methods.query("app.bsky.graph.getKnownFollowers", auth=signed_in)
async def get_known_followers(
    appview: AppView,
    viewer: SignedIn,
    *,
    actor: AtIdentifier,
    limit: int,
    cursor: str | None,
) -> Json:
    actor_id = lookups.actor(appview, actor, "Actor not found")
    index, viewer_id = appview.pipeline.index, viewer.id or 0
    fetch = at_once(partial(graphs.known_followers, index, viewer_id, actor_id))
    return await _around(appview, viewer, actor_id, fetch, ("followers", limit, cursor))


async def _around(
    appview: AppView,
    audience: Audience,
    actor_id: int,
    fetch: FetchLater[Entry],
    page: tuple[str, int, str | None],
) -> Json:
    """Answer with an account and a page, given as (name, limit, cursor), of others around it.

    Across a block there is nobody around.
    """
    h = appview.pipeline.hydrate.actors(audience, [actor_id])
    subject = actors.profile(h, actor_id)
    if h.is_blocked(actor_id):
        return {"subject": subject, page[0]: []}
    name, limit, cursor = page
    shown, after = await appview.pipeline.page(
        fetch,
        lambda rows: appview.pipeline.profile_views(audience, [row.id for row in rows]),
        limit,
        cursor,
    )
    return {"subject": subject, **answer(name, shown, after)}


@methods.query("app.bsky.graph.getSuggestedFollowsByActor", auth=signed_in)
async def get_suggested_follows_by_actor(
    appview: AppView, viewer: SignedIn, *, actor: AtIdentifier
) -> Json:
    """Give whom the followers of an account follow too."""
    actor_id = lookups.actor(appview, actor, "Actor not found")
    pipeline = appview.pipeline
    found = await graphs.followed_by_followers(
        pipeline.index, viewer.id or 0, actor_id, MOST_SUGGESTIONS
    )
    views = pipeline.profile_views(viewer, found)
    return {"suggestions": [view for view in views if view is not None]}


@methods.query("app.bsky.graph.getRelationships", auth=anyone)
async def get_relationships(
    appview: AppView,
    audience: Audience,
    *,
    actor: AtIdentifier,
    others: list[AtIdentifier] | None,
) -> Json:
    """Say what stands between an account and others: public facts only, no mutes."""
    actor_id = lookups.actor(appview, actor, "Actor not found")
    index = appview.pipeline.index
    named = {name: ids.actor_id(index, name) for name in others or ()}
    known = [other for other in named.values() if other is not None]
    h = appview.pipeline.hydrate.relationships(actor_id, known)
    return {
        "actor": h.did(actor_id),
        "relationships": [
            {
                "$type": "app.bsky.graph.defs#notFoundActor",
                "actor": name,
                "notFound": True,
            }
            if other is None
            else _relationship(h, h.did(actor_id) or "", other)
            for name, other in named.items()
        ],
    }


def _relationship(h: Hydration, did: str, other: int) -> JsonObject:
    relation, other_did = h.relation(other), h.did(other) or ""
    by_list = relation.blocking_by_list
    return {
        "$type": "app.bsky.graph.defs#relationship",
        "did": other_did,
        **present(
            following=_record(did, "follow", relation.following),
            followedBy=_record(other_did, "follow", relation.followed_by),
            blocking=_record(did, "block", relation.blocking),
            blockedBy=_record(other_did, "block", relation.blocked_by),
            blockingByList=None if by_list is None else h.lists[by_list].uri,
            blockedByList=_list_uri(h, relation.blocked_by_list),
        ),
    }


def _list_uri(h: Hydration, list_id: int | None) -> str | None:
    return h.lists[list_id].uri if list_id in h.lists else None


def _record(did: str, kind: str, rkey: str | None) -> AtUri | None:
    return None if rkey is None else AtUri.make(did, f"app.bsky.graph.{kind}", rkey)


@methods.query("app.bsky.graph.getBlocks", auth=signed_in)
async def get_blocks(appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None) -> Json:
    pipeline = appview.pipeline
    fetch = partial(graphs.blocks, pipeline.index, viewer.id or 0)
    show = partial(pipeline.profile_views, viewer, with_blocked=True)
    return await pipeline.listed("blocks", fetch, show, limit, cursor)


@methods.query("app.bsky.graph.getMutes", auth=signed_in)
async def get_mutes(appview: AppView, viewer: SignedIn, *, limit: int, cursor: str | None) -> Json:
    pipeline = appview.pipeline

    def show(dids: list[str]) -> list[JsonObject | None]:
        known = ids.actor_ids(pipeline.index, dids)
        found = [known[did] for did in dids if did in known]
        return pipeline.profile_views(viewer, found, with_blocked=True)

    return private_page(
        lambda after: pipeline.viewers.mutes_page(viewer.did, limit, after), show, "mutes", cursor
    )


@methods.procedure("app.bsky.graph.muteActor", auth=signed_in)
async def mute_actor(
    appview: AppView,
    viewer: SignedIn,
    *,
    actor: AtIdentifier,
    only_reposts: bool | None,
    only_quoteposts: bool | None,
) -> None:
    target = _target(appview, actor)
    if target == viewer.did:
        raise InvalidRequest("Cannot mute oneself")
    await appview.pipeline.viewers.mute(
        viewer.did,
        target,
        only_reposts=bool(only_reposts),
        only_quoteposts=bool(only_quoteposts),
    )


@methods.procedure("app.bsky.graph.unmuteActor", auth=signed_in)
async def unmute_actor(appview: AppView, viewer: SignedIn, *, actor: AtIdentifier) -> None:
    await appview.pipeline.viewers.unmute(viewer.did, _target(appview, actor))


@methods.procedure("app.bsky.graph.muteThread", auth=signed_in)
async def mute_thread(appview: AppView, viewer: SignedIn, *, root: AtUri) -> None:
    address = ids.with_did(appview.pipeline.index, root)
    await appview.pipeline.viewers.mute_thread(viewer.did, address)


@methods.procedure("app.bsky.graph.unmuteThread", auth=signed_in)
async def unmute_thread(appview: AppView, viewer: SignedIn, *, root: AtUri) -> None:
    address = ids.with_did(appview.pipeline.index, root)
    await appview.pipeline.viewers.unmute_thread(viewer.did, address)


def _target(appview: AppView, actor: AtIdentifier) -> str:
    """Give the DID of an account to be muted or not, even one that is hidden."""
    if isinstance(actor, Did):
        return actor
    actor_id = ids.actor_id(appview.pipeline.index, actor)
    if actor_id is None:
        raise InvalidRequest("Actor not found")
    return appview.pipeline.hydrate.bare(actor_id).did(actor_id) or ""
