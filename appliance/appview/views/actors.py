"""app.bsky.actor.defs: the two short profile views and what the viewer has to do with them."""

from collections.abc import Sequence

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import ActorRow, Relation, VerificationRow
from appliance.appview.views import list_basics
from appliance.appview.views.values import blob_cid, fragment, iso, present, self_labels
from appliance.atproto.syntax import AtUri, Json, JsonObject

INVALID_HANDLE = "handle.invalid"
STATUS = "app.bsky.actor.status"
CHAT = "chat.bsky.actor.declaration"
ACTIVITY = "app.bsky.notification.declaration"
KNOWN_SHOWN = 5
IMPOSTOR = "impersonation"
GERM = "com.germnetwork.declaration"
# Who may be told of an account's posts when it does not say.
DEFAULT_SUBSCRIPTIONS = "followers"
LIVE_MINUTES = (5, 240)


def basic(h: Hydration, actor_id: int) -> JsonObject | None:
    """Make a profileViewBasic. The object is shared within a page: callers do not change it."""
    made = h.basic_views.get(actor_id)
    if made is not None:
        return made
    row = h.actor(actor_id)
    if row is None:
        return None
    view = _shared(h, row)
    h.basic_views[actor_id] = view
    return view


def known(
    h: Hydration, found: tuple[int, Sequence[int]] | None
) -> tuple[int, list[JsonObject]] | None:
    """Of people the viewer knows, (how many, the first): count and show those no block hides."""
    count, ids = found or (0, ())
    views = [basic(h, actor) for actor in ids if not h.is_blocked(actor)]
    shown = [view for view in views if view is not None]
    return (count - len(ids) + len(shown), shown[:KNOWN_SHOWN]) if shown else None


def profile(h: Hydration, actor_id: int) -> JsonObject | None:
    """Make a profileView. Shared within a page: callers do not change it."""
    made = h.profile_views.get(actor_id)
    if made is not None:
        return made
    row = h.actor(actor_id)
    if row is None:
        return None
    view = _shared(h, row)
    if row.description is not None:
        view["description"] = row.description
    if row.profile_indexed_us is not None:
        view["indexedAt"] = iso(row.profile_indexed_us)
    h.profile_views[actor_id] = view
    return view


def _shared(h: Hydration, row: ActorRow) -> JsonObject:
    """Make the fields that all profile views share."""
    view: JsonObject = {"did": row.did, "handle": row.handle or INVALID_HANDLE}
    if row.display_name is not None:
        view["displayName"] = row.display_name
    if row.avatar is not None:
        view["avatar"] = h.media.image("avatar", row.did, row.avatar)
    if row.record is not None and '"pronouns"' in row.record:
        pronouns = orjson.loads(row.record).get("pronouns")
        if isinstance(pronouns, str):
            view["pronouns"] = pronouns
    associated = _associated(h, row)
    if associated:
        view["associated"] = associated
    if h.audience.viewer is not None:
        view["viewer"] = viewer_state(h, row.id)
    view["labels"] = _labels(h, row)
    if row.created_us is not None:
        view["createdAt"] = iso(row.created_us)
    verified = verification(h, row)
    if verified is not None:
        view["verification"] = verified
    status = _status(h, row)
    if status is not None:
        view["status"] = status
    return view


def viewer_state(h: Hydration, actor_id: int) -> JsonObject:
    """Make a viewerState. No follow shows while a block stands between the two."""
    relation = h.relation(actor_id)
    view: JsonObject = {
        "muted": relation.is_muted,
        "mutedOnlyReposts": relation.muted_only_reposts,
        "mutedOnlyQuoteposts": relation.muted_only_quoteposts,
        "blockedBy": relation.is_blocked_by,
        **blocking(h, relation),
    }
    if relation.muted_by_list is not None:
        by = list_basics.basic(h, relation.muted_by_list)
        if by is not None:
            view["mutedByList"] = by
    if not relation.is_blocked:
        view.update(_follows(h, actor_id, relation))
    if relation.told_of_posts or relation.told_of_replies:
        view["activitySubscription"] = {
            "post": relation.told_of_posts,
            "reply": relation.told_of_replies,
        }
    return view


def blocking(h: Hydration, relation: Relation) -> JsonObject:
    """Give `blocking`, and `blockingByList` where a list does it."""
    view: JsonObject = {}
    viewer = h.audience.viewer
    if relation.blocking_by_list is not None:
        by = list_basics.basic(h, relation.blocking_by_list)
        if by is not None:
            view["blockingByList"] = by
            view["blocking"] = by["uri"]
    if relation.blocking is not None and viewer is not None:
        view["blocking"] = AtUri.make(viewer.did, "app.bsky.graph.block", relation.blocking)
    return view


def blocked_author(h: Hydration, actor_id: int) -> JsonObject:
    """Make a blockedAuthor: who stands behind a placeholder, and which side blocks."""
    view: JsonObject = {"did": h.did(actor_id)}
    if h.audience.viewer is not None:
        relation = h.relation(actor_id)
        view["viewer"] = {"blockedBy": relation.is_blocked_by, **blocking(h, relation)}
    return view


def _follows(h: Hydration, actor_id: int, relation: Relation) -> JsonObject:
    view: JsonObject = {}
    viewer, did = h.audience.viewer, h.did(actor_id)
    if relation.following is not None and viewer is not None:
        view["following"] = AtUri.make(viewer.did, "app.bsky.graph.follow", relation.following)
    if relation.followed_by is not None and did is not None:
        view["followedBy"] = AtUri.make(did, "app.bsky.graph.follow", relation.followed_by)
    return view


def _labels(h: Hydration, row: ActorRow) -> list[Json]:
    uri = AtUri.make(row.did, "app.bsky.actor.profile", "self")
    labels: list[Json] = [*h.labels.get(row.did, ()), *h.labels.get(uri, ())]
    if row.record is not None and row.profile_cid is not None:
        at_us = row.created_us or row.indexed_us
        labels += self_labels(row.did, uri, row.profile_cid, row.record, at_us)
    return labels


def _associated(h: Hydration, row: ActorRow) -> JsonObject:
    view: JsonObject = {"labeler": True} if row.is_labeler else {}
    declared = h.declarations.get(row.id, {})
    if CHAT in declared:
        record = orjson.loads(declared[CHAT].record)
        view["chat"] = present(
            allowIncoming=record.get("allowIncoming", "following"),
            allowGroupInvites=record.get("allowGroupInvites"),
        )
    if ACTIVITY in declared:
        record = orjson.loads(declared[ACTIVITY].record)
        view["activitySubscription"] = {"allowSubscriptions": record["allowSubscriptions"]}
    else:
        view["activitySubscription"] = {"allowSubscriptions": DEFAULT_SUBSCRIPTIONS}
    if GERM in declared:
        record = orjson.loads(declared[GERM].record)
        message_me = record.get("messageMe")
        if isinstance(message_me, dict):
            view["germ"] = {name: message_me[name] for name in ("messageMeUrl", "showButtonTo")}
    return view


def verification(h: Hydration, row: ActorRow) -> JsonObject | None:
    """Make a verificationState; None for who is neither verified nor a verifier.

    A verification is valid while name and handle are those that were verified; a label that says
    somebody only pretends takes all validity away.
    """
    said = [_verification(h, row, each) for each in h.verifications.get(row.id, ())]
    views = [view for view in said if view is not None]
    is_verifier = row.did in h.verifiers
    if not views and not is_verifier:
        return None
    pretends = IMPOSTOR in h.label_values.get(row.did, ())
    is_valid = any(view["isValid"] for view in views) and not pretends
    return {
        "verifications": views,
        "verifiedStatus": ("valid" if is_valid else "invalid") if views else "none",
        "trustedVerifierStatus": ("invalid" if pretends else "valid") if is_verifier else "none",
    }


def _verification(h: Hydration, row: ActorRow, said: VerificationRow) -> JsonObject | None:
    issuer = h.actor(said.issuer_id)
    if issuer is None:
        return None
    name = row.display_name or ""
    return {
        "issuer": issuer.did,
        **present(issuerDisplayName=issuer.display_name, issuerHandle=issuer.handle),
        "uri": AtUri.make(issuer.did, "app.bsky.graph.verification", said.rkey),
        "isValid": said.handle == row.handle and said.display_name == name,
        "createdAt": iso(said.created_us),
    }


def _status(h: Hydration, row: ActorRow) -> JsonObject | None:
    """Make a statusView ("live now"), valid from 5 minutes to 4 hours."""
    declared = h.declarations.get(row.id, {}).get(STATUS)
    if declared is None:
        return None
    record = orjson.loads(declared.record)
    view: JsonObject = {
        "uri": AtUri.make(row.did, STATUS, "self"),
        "cid": declared.cid,
        "status": record["status"],
        "record": fragment(declared.record),
    }
    embed = record.get("embed", {})
    if embed.get("$type") == "app.bsky.embed.external":
        view["embed"] = {
            "$type": "app.bsky.embed.external#view",
            "external": external_view(h, row.did, embed["external"]),
        }
    minutes = record.get("durationMinutes")
    if isinstance(minutes, int):
        minutes = min(max(minutes, LIVE_MINUTES[0]), LIVE_MINUTES[1])
        expires_us = declared.indexed_us + minutes * 60_000_000
        view["expiresAt"] = iso(expires_us)
        view["isActive"] = h.now_us < expires_us
    return view


def external_view(h: Hydration, did: str, external: JsonObject) -> JsonObject:
    """Make the viewExternal of a link card in a record of this account."""
    view: JsonObject = {
        "uri": external["uri"],
        "title": external["title"],
        "description": external["description"],
    }
    thumb = blob_cid(external.get("thumb"))
    if thumb is not None:
        view["thumb"] = h.media.image("feed_thumbnail", did, thumb)
    return view
