"""app.bsky.unspecced.*: threads as flat lists."""

from appliance.appview.hydrate.gates import hidden_replies
from appliance.appview.hydrate.hydration import Audience, Hydration
from appliance.appview.hydrate.posts import load_op_likes
from appliance.appview.role import AppView
from appliance.appview.skeletons import threads
from appliance.appview.views import flat_threads, posts
from appliance.appview.views.flat_threads import Thread
from appliance.appview.views.weights import fitting, fitting_thread
from appliance.appview.xrpc import lookups
from appliance.appview.xrpc.auth import anyone
from appliance.atproto.syntax import AtUri, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable

MOST_PARENTS = 50

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.unspecced.getPostThreadV2", auth=anyone)
async def get_post_thread_v2(
    appview: AppView,
    audience: Audience,
    *,
    anchor: AtUri,
    above: bool,
    below: int,
    branching_factor: int,
    sort: str,
) -> Json:
    anchor_id = lookups.record(appview, anchor)
    if anchor_id is None:
        missing = {"$type": "app.bsky.unspecced.defs#threadItemNotFound"}
        item = {"uri": anchor, "depth": 0, "value": missing}
        return {"thread": [item], "hasOtherReplies": False}
    index = appview.pipeline.index
    parents = threads.ancestors(index, anchor_id, MOST_PARENTS) if above else []
    # A level more than asked for: it tells nothing but whether replies were put aside.
    replies = threads.descendants(index, anchor_id, max(below, 1))
    loaded = [anchor_id, *parents, *(reply.id for reply in replies)]
    h = appview.pipeline.hydrate.thread(audience, anchor_id, loaded)
    thread = _thread(appview, h, anchor_id, loaded)
    thread.sort, thread.branching = sort, branching_factor
    most_above, most_below = fitting_thread(h, parents, [reply.id for reply in replies])
    thread.place(parents[:most_above], replies[:most_below])
    has_others = flat_threads.has_others(h, thread)
    if below == 0:
        thread.children.clear()
    found: JsonObject = {
        "thread": flat_threads.items(h, thread),
        "hasOtherReplies": has_others,
    }
    row = h.post(anchor_id)
    gate = None if row is None else posts.threadgate(h, row.thread_id)
    return found if gate is None else {**found, "threadgate": gate}


@methods.query("app.bsky.unspecced.getPostThreadOtherV2", auth=anyone)
async def get_post_thread_other_v2(appview: AppView, audience: Audience, *, anchor: AtUri) -> Json:
    """Give the direct replies that getPostThreadV2 put aside."""
    anchor_id = lookups.record(appview, anchor)
    if anchor_id is None:
        return {"thread": []}
    replies = threads.descendants(appview.pipeline.index, anchor_id, 1)
    loaded = [anchor_id, *(reply.id for reply in replies)]
    h = appview.pipeline.hydrate.posts(audience, loaded)
    row = h.post(anchor_id)
    if row is None or h.is_blocked(row.actor_id):
        return {"thread": []}
    thread = _thread(appview, h, anchor_id, loaded)
    thread.place((), replies)
    found = flat_threads.others(h, thread)
    return {"thread": found[: fitting(found)[0]]}


def _thread(appview: AppView, h: Hydration, anchor_id: int, loaded: list[int]) -> Thread:
    """Load what the order of a thread depends on: who started it, likes and hides."""
    index = appview.pipeline.index
    row = h.post(anchor_id)
    root = anchor_id if row is None or row.invalid_root else row.thread_id
    op = h.owner(root)
    if op is None:
        return Thread(anchor_id, None)
    load_op_likes(index, h, op, loaded)
    return Thread(
        anchor_id,
        op,
        op_thread={post: at for at, post in enumerate(threads.op_thread(index, root, op), start=1)},
        hidden=hidden_replies(index, root),
    )
