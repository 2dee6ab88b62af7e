"""Starter packs: whom and which feeds somebody recommends to begin with."""

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import StarterPackRow
from appliance.appview.views import actors, list_basics, lists
from appliance.appview.views.values import fragment, iso, present
from appliance.atproto.syntax import JsonObject

SAMPLE_SHOWN = 12
FEEDS_SHOWN = 3


def basic(h: Hydration, pack_id: int) -> JsonObject | None:
    """Make a starterPackViewBasic."""
    row = h.starter_pack(pack_id)
    view = None if row is None else _shared(h, row)
    if row is None or view is None:
        return None
    return {**view, **present(listItemCount=row.item_count)}


def full(h: Hydration, pack_id: int) -> JsonObject | None:
    """Make a starterPackView, with a sample of the list and the feeds."""
    row = h.starter_pack(pack_id)
    view = None if row is None else _shared(h, row)
    if row is None or view is None:
        return None
    did = h.did(row.actor_id) or ""
    sample = [
        lists.item(did, rkey, subject)
        for actor, rkey in h.list_samples.get(row.list_id, ())
        if not h.is_blocked(actor) and (subject := actors.profile(h, actor)) is not None
    ]
    feeds = [lists.generator(h, feed) for feed in h.pack_feeds.get(pack_id, ())]
    view["listItemsSample"] = sample[:SAMPLE_SHOWN]
    view["feeds"] = [feed for feed in feeds if feed is not None][:FEEDS_SHOWN]
    shown = list_basics.basic(h, row.list_id)
    return view if shown is None else {**view, "list": shown}


def _shared(h: Hydration, row: StarterPackRow) -> JsonObject | None:
    creator = actors.basic(h, row.actor_id)
    if creator is None:
        return None
    return {
        "uri": row.uri,
        "cid": row.cid,
        "record": fragment(row.record),
        "creator": creator,
        "joinedWeekCount": row.joined_week_count,
        "joinedAllTimeCount": row.joined_count,
        "labels": list_basics.labels(h, row),
        "indexedAt": iso(row.indexed_us),
    }
