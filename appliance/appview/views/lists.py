"""Whole views of lists, feed generators and labelers."""

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.views import actors, list_basics
from appliance.appview.views.values import iso, present
from appliance.atproto.syntax import AtUri, JsonObject


def full(h: Hydration, list_id: int) -> JsonObject | None:
    """Make a listView."""
    row = h.list_(list_id)
    view = list_basics.basic(h, list_id)
    creator = None if row is None else actors.profile(h, row.actor_id)
    if row is None or view is None or creator is None:
        return None
    record = orjson.loads(row.record)
    return {
        **view,
        "creator": creator,
        **present(
            description=record.get("description"),
            descriptionFacets=record.get("descriptionFacets"),
        ),
    }


def generator(h: Hydration, generator_id: int) -> JsonObject | None:
    """Make a generatorView."""
    row = h.generator(generator_id)
    creator = None if row is None else actors.profile(h, row.actor_id)
    if row is None or creator is None:
        return None
    record = orjson.loads(row.record)
    view: JsonObject = {
        "uri": row.uri,
        "cid": row.cid,
        "did": row.service_did,
        "creator": creator,
        "displayName": row.display_name,
        "likeCount": row.like_count,
        "labels": list_basics.labels(h, row),
        "indexedAt": iso(row.indexed_us),
        **present(
            description=record.get("description"),
            descriptionFacets=record.get("descriptionFacets"),
            acceptsInteractions=record.get("acceptsInteractions"),
            contentMode=record.get("contentMode"),
        ),
    }
    if row.avatar is not None:
        view["avatar"] = h.media.image("avatar", creator["did"], row.avatar)
    if h.audience.viewer is not None:
        view["viewer"] = present(like=h.subject_likes.get(row.id))
    return view


def item(did: str, rkey: str, subject: JsonObject) -> JsonObject:
    """Make a listItemView of an item in the repo of a list's owner."""
    return {"uri": AtUri.make(did, "app.bsky.graph.listitem", rkey), "subject": subject}


def labeler(h: Hydration, labeler_id: int, *, is_detailed: bool) -> JsonObject | None:
    """Make a labelerView, or a labelerViewDetailed with the policies."""
    row = h.labeler(labeler_id)
    creator = None if row is None else actors.profile(h, row.actor_id)
    if row is None or creator is None:
        return None
    view: JsonObject = {
        "uri": row.uri,
        "cid": row.cid,
        "creator": creator,
        "likeCount": row.like_count,
        "indexedAt": iso(row.indexed_us),
        "labels": list_basics.labels(h, row),
    }
    if h.audience.viewer is not None:
        view["viewer"] = present(like=h.subject_likes.get(row.id))
    if is_detailed:
        record = orjson.loads(row.record)
        view["policies"] = record["policies"]
        for name in ("reasonTypes", "subjectTypes", "subjectCollections"):
            if name in record:
                view[name] = record[name]
    return view
