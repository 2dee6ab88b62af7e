"""app.bsky.feed.getPostThread: a thread as a tree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.skeletons.threads import Reply
from appliance.appview.views import posts
from appliance.atproto.syntax import JsonObject


def thread(
    h: Hydration, anchor: int, above: Sequence[int], below: Iterable[Reply]
) -> JsonObject | None:
    """Make a threadViewPost, or a blockedPost; None if the anchor is missing or hidden.

    above: the chain of parents, the nearest first. below: replies level by level, oldest first;
    a tree shows the newest first.
    """
    row = h.post(anchor)
    if row is None:
        return None
    if h.is_blocked(row.actor_id):
        return posts.blocked(h, row.uri, row.actor_id)
    children: dict[int, list[int]] = defaultdict(list)
    for reply in below:
        children[reply.parent_id].append(reply.id)
    view = _with_replies(h, anchor, children)
    parent = _parents(h, anchor, above)
    if parent is not None:
        view["parent"] = parent
    return view


def _parents(h: Hydration, anchor: int, above: Sequence[int]) -> JsonObject | None:
    """Nest the parents, up to the first that is missing or blocked."""
    chain: list[JsonObject] = []
    child = anchor
    for post_id in above:
        view = posts.post_or_placeholder(h, post_id, h.owner(child))
        is_shown = "notFound" not in view and "blocked" not in view
        chain.append(_node(h, post_id) if is_shown else view)
        if not is_shown:
            break
        child = post_id
    nested: JsonObject | None = None
    for view in reversed(chain):
        if nested is not None:
            view["parent"] = nested
        nested = view
    return nested


def _with_replies(h: Hydration, post_id: int, children: dict[int, list[int]]) -> JsonObject:
    """Make a node and all below it; the depth of a skeleton is bounded."""
    owner = h.owner(post_id)
    node = _node(h, post_id)
    replies = []
    for child in reversed(children.get(post_id, ())):
        view = posts.post_or_placeholder(h, child, owner)
        if "blocked" in view:
            replies.append(view)
        elif "notFound" not in view:
            replies.append(_with_replies(h, child, children))
    node["replies"] = replies
    return node


def _node(h: Hydration, post_id: int) -> JsonObject:
    """Make a threadViewPost of one post, alone; what its thread's author likes is its context."""
    like = h.op_likes.get(post_id)
    return {
        "$type": "app.bsky.feed.defs#threadViewPost",
        "post": posts.post(h, post_id),
        "threadContext": {} if like is None else {"rootAuthorLike": like},
    }
