"""What a post carries: pictures, video, a link card, another record. Two levels deep."""

from collections.abc import Callable
from typing import Final, TypeAlias

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import PostRow
from appliance.appview.views import actors, lists, packs
from appliance.appview.views.values import blob_cid, fragment, iso, present, self_labels
from appliance.atproto.syntax import Json, JsonObject

# A post shows what it quotes (level 0); that one shows what it quotes (level 1), and no more.
DEEPEST = 1

_Media: TypeAlias = Callable[[Hydration, str, JsonObject], JsonObject]


def embed(h: Hydration, post: PostRow, level: int = 0) -> JsonObject | None:
    """Make the view of a post's embed; None if it has none."""
    if post.embed is None:
        return None
    value = orjson.loads(post.record).get("embed")
    did = h.did(post.actor_id)
    if not isinstance(value, dict) or did is None:
        return None
    kind = value.get("$type")
    if kind == "app.bsky.embed.record":
        return _record_view(h, post, value, level)
    if kind == "app.bsky.embed.recordWithMedia":
        return _with_media(h, post, value, level)
    make = MEDIA.get(str(kind))
    return None if make is None else make(h, did, value)


def _with_media(h: Hydration, post: PostRow, value: JsonObject, level: int) -> JsonObject | None:
    media = value["media"]
    did = h.did(post.actor_id) or ""
    make = MEDIA.get(str(media.get("$type")))
    if make is None:
        return None
    return {
        "$type": "app.bsky.embed.recordWithMedia#view",
        "record": _record_view(h, post, value["record"], level),
        "media": make(h, did, media),
    }


def _images(h: Hydration, did: str, value: JsonObject) -> JsonObject:
    return {
        "$type": "app.bsky.embed.images#view",
        "images": [
            _image(h, did, image, "thumb")
            for image in value["images"]
            if blob_cid(image["image"]) is not None
        ],
    }


def _gallery(h: Hydration, did: str, value: JsonObject) -> JsonObject:
    return {
        "$type": "app.bsky.embed.gallery#view",
        "items": [
            {
                "$type": "app.bsky.embed.gallery#viewImage",
                **_image(h, did, item, "thumbnail"),
            }
            for item in value["items"]
            if item.get("$type") == "app.bsky.embed.gallery#image"
            and blob_cid(item["image"]) is not None
        ],
    }


def _image(h: Hydration, did: str, image: JsonObject, small: str) -> JsonObject:
    cid = blob_cid(image["image"]) or ""
    return {
        small: h.media.image("feed_thumbnail", did, cid),
        "fullsize": h.media.image("feed_fullsize", did, cid),
        "alt": image["alt"],
        **present(aspectRatio=image.get("aspectRatio")),
    }


def _video(h: Hydration, did: str, value: JsonObject) -> JsonObject:
    cid = blob_cid(value["video"]) or ""
    return {
        "$type": "app.bsky.embed.video#view",
        "cid": cid,
        "playlist": h.media.blob(did, cid),
        **present(
            alt=value.get("alt"),
            aspectRatio=value.get("aspectRatio"),
            presentation=value.get("presentation"),
        ),
    }


def _external(h: Hydration, did: str, value: JsonObject) -> JsonObject:
    return {
        "$type": "app.bsky.embed.external#view",
        "external": actors.external_view(h, did, value["external"]),
    }


MEDIA: Final[dict[str, _Media]] = {
    "app.bsky.embed.images": _images,
    "app.bsky.embed.gallery": _gallery,
    "app.bsky.embed.video": _video,
    "app.bsky.embed.external": _external,
}


def _record_view(h: Hydration, post: PostRow, value: JsonObject, level: int) -> JsonObject:
    uri = value["record"]["uri"]
    return {"$type": "app.bsky.embed.record#view", "record": _record(h, post, uri, level)}


def _record(h: Hydration, post: PostRow, uri: str, level: int) -> JsonObject:
    """Make the inner view of a quote: the record, or why it is not shown."""
    target = post.quote_id
    if target is None:
        return _not_found(uri)
    owner = _owner(h, target)
    if owner is not None and _is_blocked(h, post.actor_id, owner):
        return {
            "$type": "app.bsky.embed.record#viewBlocked",
            "uri": uri,
            "blocked": True,
            "author": actors.blocked_author(h, owner),
        }
    if post.violates_postgate or (target, post.id) in h.detached:
        return {"$type": "app.bsky.embed.record#viewDetached", "uri": uri, "detached": True}
    quoted = h.post(target)
    if quoted is not None:
        return _quoted(h, quoted, level)
    return _collection(h, target) or _not_found(uri)


def _owner(h: Hydration, target: int) -> int | None:
    """Give whose record is quoted, if it and its author may be shown."""
    owner = h.owner(target)
    return owner if owner is not None and h.actor(owner) is not None else None


def _is_blocked(h: Hydration, author: int, owner: int) -> bool:
    return h.is_blocked(owner) or h.blocked_between(author, owner)


def _not_found(uri: str) -> JsonObject:
    return {"$type": "app.bsky.embed.record#viewNotFound", "uri": uri, "notFound": True}


def _quoted(h: Hydration, quoted: PostRow, level: int) -> JsonObject:
    did = h.did(quoted.actor_id) or ""
    labels: list[Json] = [*h.labels.get(quoted.uri, ())]
    view: JsonObject = {
        "$type": "app.bsky.embed.record#viewRecord",
        "uri": quoted.uri,
        "cid": quoted.cid,
        "author": actors.basic(h, quoted.actor_id),
        "value": fragment(quoted.record),
        "labels": labels + self_labels(did, quoted.uri, quoted.cid, quoted.record, quoted.sort_us),
        "likeCount": quoted.like_count,
        "replyCount": quoted.reply_count,
        "repostCount": quoted.repost_count,
        "quoteCount": quoted.quote_count,
        "indexedAt": iso(quoted.indexed_us),
    }
    if level < DEEPEST:
        inner = embed(h, quoted, level + 1)
        view["embeds"] = [] if inner is None else [inner]
    return view


def _collection(h: Hydration, target: int) -> JsonObject | None:
    """Make the view of an embedded record that is no post."""
    for name, make in (
        ("app.bsky.feed.defs#generatorView", lists.generator),
        ("app.bsky.graph.defs#listView", lists.full),
        ("app.bsky.graph.defs#starterPackViewBasic", packs.basic),
    ):
        view = make(h, target)
        if view is not None:
            return {"$type": name, **view}
    view = lists.labeler(h, target, is_detailed=False)
    return None if view is None else {"$type": "app.bsky.labeler.defs#labelerView", **view}
