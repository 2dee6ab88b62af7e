"""app.bsky.feed.defs: posts and the items of feeds."""

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import FeedItem, PostRow
from appliance.appview.views import actors, list_basics
from appliance.appview.views.embeds import embed
from appliance.appview.views.values import fragment, iso, self_labels
from appliance.atproto.syntax import AtUri, Json, JsonObject

PIN: JsonObject = {"$type": "app.bsky.feed.defs#reasonPin"}


def post(h: Hydration, post_id: int) -> JsonObject | None:
    """Make a postView. Shared within a page: callers do not change it."""
    made = h.post_views.get(post_id)
    if made is not None:
        return made
    row = h.post(post_id)
    author = None if row is None else actors.basic(h, row.actor_id)
    if row is None or author is None:
        return None
    labels: list[Json] = [*h.labels.get(row.uri, ())]
    view: JsonObject = {
        "uri": row.uri,
        "cid": row.cid,
        "author": author,
        "record": fragment(row.record),
        "bookmarkCount": h.bookmark_counts.get(row.uri, 0),
        "replyCount": row.reply_count,
        "repostCount": row.repost_count,
        "likeCount": row.like_count,
        "quoteCount": row.quote_count,
        "indexedAt": iso(row.indexed_us),
        "labels": labels + self_labels(author["did"], row.uri, row.cid, row.record, row.sort_us),
    }
    shown = embed(h, row)
    if shown is not None:
        view["embed"] = shown
    if h.audience.viewer is not None:
        view["viewer"] = _viewer_state(h, row)
    if row.root_id is None and row.id in h.gates:
        view["threadgate"] = threadgate(h, row.id)
    h.post_views[post_id] = view
    return view


def threadgate(h: Hydration, root_id: int) -> JsonObject | None:
    """Make the threadgateView of a thread; None if everybody may reply."""
    gate = h.gates.get(root_id)
    if gate is None:
        return None
    named = [list_basics.basic(h, list_id) for list_id in gate.lists]
    return {
        "uri": gate.row.uri,
        "cid": gate.row.cid,
        "record": fragment(gate.row.record),
        "lists": [view for view in named if view is not None],
    }


def _viewer_state(h: Hydration, row: PostRow) -> JsonObject:
    state = h.post_state(row.id)
    viewer = h.audience.viewer
    view: JsonObject = {
        "bookmarked": state.bookmarked,
        "threadMuted": state.thread_muted,
        "embeddingDisabled": row.id in h.unquotable and row.actor_id != h.viewer_id,
    }
    gate = h.gates.get(row.thread_id)
    if gate is not None:
        view["replyDisabled"] = bool(row.violates_threadgate) or not gate.viewer_may_reply
    if viewer is not None and state.like is not None:
        view["like"] = AtUri.make(viewer.did, "app.bsky.feed.like", state.like)
    if viewer is not None and state.repost is not None:
        view["repost"] = AtUri.make(viewer.did, "app.bsky.feed.repost", state.repost)
    author = h.actor(row.actor_id)
    if author is not None and author.pinned_id == row.id:
        view["pinned"] = True
    likers = actors.known(h, h.known_likers.get(row.id))
    if likers is not None:
        count, shown = likers
        view["knownLikers"] = {"count": count, "actors": shown}
    return view


def not_found(uri: str) -> JsonObject:
    """Make a notFoundPost."""
    return {"$type": "app.bsky.feed.defs#notFoundPost", "uri": uri, "notFound": True}


def blocked(h: Hydration, uri: str, author: int) -> JsonObject:
    """Make a blockedPost."""
    return {
        "$type": "app.bsky.feed.defs#blockedPost",
        "uri": uri,
        "blocked": True,
        "author": actors.blocked_author(h, author),
    }


def post_or_placeholder(h: Hydration, post_id: int, seen_from: int | None = None) -> JsonObject:
    """Make a postView with its type, or say that it is missing or blocked.

    seen_from: the account whose reply refers to the post; a block between the two hides it too.
    """
    row = h.post(post_id)
    if row is None:
        return not_found(h.uri(post_id) or "")
    between = seen_from is not None and h.blocked_between(seen_from, row.actor_id)
    if h.is_blocked(row.actor_id) or between:
        return blocked(h, row.uri, row.actor_id)
    view = post(h, post_id)
    if view is None:
        return not_found(row.uri)
    return {"$type": "app.bsky.feed.defs#postView", **view}


def feed_item(h: Hydration, item: FeedItem) -> JsonObject | None:
    """Make a feedViewPost; None if the post, or the repost that brought it, is hidden."""
    shown = post(h, item.post_id)
    if shown is None:
        return None
    view: JsonObject = {"post": shown}
    if item.pinned:
        view["reason"] = PIN
        view["post"] = {**shown, "viewer": {**shown.get("viewer", {}), "pinned": True}}
    elif item.repost_id is not None:
        reason = _repost_reason(h, item.repost_id)
        if reason is None:
            return None
        view["reason"] = reason
    reply = _reply(h, h.posts[item.post_id])
    if reply is not None:
        view["reply"] = reply
    return view


def _repost_reason(h: Hydration, repost_id: int) -> JsonObject | None:
    row = h.reposts.get(repost_id)
    by = None if row is None else actors.basic(h, row.actor_id)
    if row is None or by is None or h.is_removed(row.uri):
        return None
    return {
        "$type": "app.bsky.feed.defs#reasonRepost",
        "by": by,
        "uri": row.uri,
        "cid": row.cid,
        "indexedAt": iso(row.indexed_us),
    }


def _reply(h: Hydration, row: PostRow) -> JsonObject | None:
    """Make the replyRef of a reply that stands in its thread by right."""
    if row.parent_id is None or row.root_id is None:
        return None
    if row.violates_threadgate or row.invalid_root:
        return None
    view: JsonObject = {
        "root": post_or_placeholder(h, row.root_id, row.actor_id),
        "parent": post_or_placeholder(h, row.parent_id, row.actor_id),
    }
    parent = h.post(row.parent_id)
    if parent is not None and parent.parent_id is not None:
        owner = h.owner(parent.parent_id)
        author = None if owner is None else actors.basic(h, owner)
        if author is not None:
            view["grandparentAuthor"] = author
    return view
