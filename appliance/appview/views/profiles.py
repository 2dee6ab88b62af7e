"""app.bsky.actor.defs#profileViewDetailed: an account as its own page shows it."""

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import ActorRow
from appliance.appview.views import packs
from appliance.appview.views.actors import known, profile
from appliance.atproto.syntax import JsonObject


def detailed(h: Hydration, actor_id: int) -> JsonObject | None:
    """Make a profileViewDetailed."""
    row = h.actor(actor_id)
    short = profile(h, actor_id)
    if row is None or short is None:
        return None
    view = {**short}
    view["followersCount"] = row.followers_count
    view["followsCount"] = row.follows_count
    view["postsCount"] = row.posts_count
    view["associated"] = {
        "labeler": bool(row.is_labeler),
        **view.get("associated", {}),
        "lists": row.lists_count,
        "feedgens": row.feedgens_count,
        "starterPacks": row.starter_packs_count,
    }
    if row.banner is not None:
        view["banner"] = h.media.image("banner", row.did, row.banner)
    if row.record is not None:
        _add_record_fields(view, orjson.loads(row.record), row)
    if row.joined_via_id is not None:
        pack = packs.basic(h, row.joined_via_id)
        if pack is not None:
            view["joinedViaStarterPack"] = pack
    if "viewer" in view and actor_id in h.known_followers:
        view["viewer"] = {**view["viewer"], **_known_followers(h, actor_id)}
    return view


def _add_record_fields(view: JsonObject, record: JsonObject, row: ActorRow) -> None:
    website = record.get("website")
    if isinstance(website, str) and website.startswith("https://"):
        view["website"] = website
    if row.pinned_id is not None and isinstance(record.get("pinnedPost"), dict):
        pinned = record["pinnedPost"]
        view["pinnedPost"] = {"uri": pinned["uri"], "cid": pinned["cid"]}


def _known_followers(h: Hydration, actor_id: int) -> JsonObject:
    found = None if h.is_blocked(actor_id) else known(h, h.known_followers[actor_id])
    return {} if found is None else {"knownFollowers": {"count": found[0], "followers": found[1]}}
