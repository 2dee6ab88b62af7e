"""app.bsky.unspecced.defs: trends."""

from urllib.parse import quote

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.skeletons.trends import FEWEST_ACTORS, Trend
from appliance.appview.views import actors
from appliance.appview.views.values import iso
from appliance.atproto.syntax import JsonObject

ACTORS_SHOWN = 5


def trend(h: Hydration, found: Trend) -> JsonObject | None:
    """Make a trendView; None where too few of its authors may be shown to the viewer."""
    views = [actors.basic(h, actor) for actor in found.actors if not h.is_blocked(actor)]
    shown = [view for view in views if view is not None]
    if len(shown) < FEWEST_ACTORS:
        return None
    return {
        "topic": found.tag,
        "displayName": f"#{found.tag}",
        "link": f"/hashtag/{quote(found.tag, safe='')}",
        "startedAt": iso(found.started_us),
        "postCount": found.posts,
        "actors": shown[:ACTORS_SHOWN],
    }


def topic(view: JsonObject) -> JsonObject:
    """Make a trendingTopic of a trendView."""
    return {name: view[name] for name in ("topic", "displayName", "link")}
