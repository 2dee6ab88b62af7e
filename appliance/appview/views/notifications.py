"""app.bsky.notification: what is listed, and the preferences with their defaults."""

from collections.abc import Mapping
from typing import Final

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.skeletons.notifications import Notification
from appliance.appview.views import actors
from appliance.appview.views.values import fragment, iso, present, self_labels
from appliance.atproto.syntax import Json, JsonObject

_FILTERABLE: Final = (
    "follow",
    "like",
    "likeViaRepost",
    "mention",
    "quote",
    "reply",
    "repost",
    "repostViaRepost",
)
_PLAIN: Final = ("starterpackJoined", "subscribedPost", "unverified", "verified")


def notification(h: Hydration, row: Notification, seen_us: int) -> JsonObject | None:
    """Make a notification; read if it arrived no later than the viewer last looked."""
    author = actors.profile(h, row.author_id)
    if author is None or h.is_removed(row.uri):
        return None
    labels: list[Json] = [*h.labels.get(row.uri, ())]
    return {
        "uri": row.uri,
        "cid": row.cid,
        "author": author,
        "reason": row.reason,
        **present(reasonSubject=row.reason_subject),
        "record": fragment(row.record),
        # Clients know times by the millisecond only.
        "isRead": row.sort_us // 1000 <= seen_us // 1000,
        "indexedAt": iso(row.sort_us),
        "labels": labels + self_labels(author["did"], row.uri, row.cid, row.record, row.sort_us),
    }


def preferences(stored: Mapping[str, Json]) -> JsonObject:
    """Make notification.defs#preferences: what is stored, over the defaults."""
    view: JsonObject = {"chat": {"include": "all", "push": True}}
    for name in _FILTERABLE:
        view[name] = {"include": "all", "list": True, "push": True}
    for name in _PLAIN:
        view[name] = {"list": True, "push": True}
    view.update(stored)
    return view
