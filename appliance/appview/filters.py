"""Drop what blocks and mutes hide from lists. What is hidden from everybody went before."""

from collections.abc import Mapping
from typing import Final

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.skeletons.notifications import Notification
from appliance.atproto.syntax import Json

# Reason of a notification -> name of its preference.
PREFERENCE_OF: Final[Mapping[str, str]] = {
    "like": "like",
    "repost": "repost",
    "follow": "follow",
    "mention": "mention",
    "reply": "reply",
    "quote": "quote",
    "like-via-repost": "likeViaRepost",
    "repost-via-repost": "repostViaRepost",
    "starterpack-joined": "starterpackJoined",
    "subscribed-post": "subscribedPost",
    "verified": "verified",
    "unverified": "unverified",
}


def in_feed(h: Hydration, item: FeedItem) -> bool:
    """Whether an item may stand in a feed made by a program or a list: no blocks, no mutes."""
    author = h.owner(item.post_id)
    repost = None if item.repost_id is None else h.reposts.get(item.repost_id)
    reposter = author if repost is None else repost.actor_id
    if author is None or reposter is None:
        return False
    return not any(h.is_blocked(actor) or h.is_muted(actor) for actor in (author, reposter))


def in_timeline(h: Hydration, item: FeedItem) -> bool:
    """Whether an item may stand in the timeline: also no answers to the blocked, scoped mutes."""
    if not in_feed(h, item):
        return False
    row = h.post(item.post_id)
    if row is None:
        return False
    if item.repost_id is not None and h.relation(item.actor_id).muted_only_reposts:
        return False
    is_quote = row.embed is not None and row.embed.endswith("record")
    if is_quote and h.relation(row.actor_id).muted_only_quoteposts:
        return False
    return not any(h.is_blocked(actor) for actor in _answered(h, item.post_id))


def in_author_feed(h: Hydration, item: FeedItem) -> bool:
    """Whether an item may stand on a profile: no blocks, and no reposts of the muted."""
    author = h.owner(item.post_id)
    if author is None or h.is_blocked(author):
        return False
    return item.repost_id is None or author == item.actor_id or not h.is_muted(author)


def is_told(h: Hydration, row: Notification, preferences: Mapping[str, Json]) -> bool:
    """Whether the viewer is shown a notification, by blocks, mutes and their preferences."""
    relation = h.relation(row.author_id)
    if h.actor(row.author_id) is None or relation.is_blocked or relation.is_muted:
        return False
    if row.root_id in h.muted_threads:
        return False
    if row.reason in ("verified", "unverified") and h.did(row.author_id) not in h.verifiers:
        return False
    wish = preferences.get(PREFERENCE_OF.get(row.reason, ""), {})
    if not wish.get("list", True):
        return False
    return wish.get("include") != "follows" or relation.following is not None


def _answered(h: Hydration, post_id: int) -> list[int]:
    """Name the authors of a post's parent and grandparent."""
    row = h.posts[post_id]
    parent = None if row.parent_id is None else h.owner(row.parent_id)
    found = [] if parent is None else [parent]
    above = h.posts.get(row.parent_id) if row.parent_id is not None else None
    if above is not None and above.parent_id is not None:
        owner = h.owner(above.parent_id)
        if owner is not None:
            found.append(owner)
    return found
