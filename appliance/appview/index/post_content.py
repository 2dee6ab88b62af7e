"""What the index needs of a post: pure functions from the record to words, links and embeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from appliance.appview.text_segments import segmented
from appliance.atproto.syntax import JsonObject

_EMBED = "app.bsky.embed."
_MENTION, _LINK, _TAG = (f"app.bsky.richtext.facet#{each}" for each in ("mention", "link", "tag"))
_MEDIA = frozenset(("images", "gallery", "video"))
# So many mentions, tags and links, the first, count: 300 characters have hardly as many, but a
# record has room for a thousand, and each who is mentioned is told with a copy of it.
MOST_FEATURES: Final = 100


@dataclass(frozen=True, slots=True)
class PostContent:
    """A post taken apart. quote: URI of the embedded record. links: (domain, URI)."""

    text: str
    langs: str | None
    embed: str | None
    quote: str | None
    has_media: bool
    has_video: bool
    mentions: tuple[str, ...]
    tags: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def content_of(value: JsonObject) -> PostContent:
    """Take apart a valid app.bsky.feed.post, in value form."""
    media, quote = _parts(value.get("embed"))
    media_kind = _kind(media)
    features = list(islice(_features(value.get("facets", ())), MOST_FEATURES))
    tags = [*(each["tag"] for kind, each in features if kind == _TAG), *value.get("tags", ())]
    uris = [each["uri"] for kind, each in features if kind == _LINK]
    if media_kind == "external" and media is not None:
        uris.append(media["external"]["uri"])
    langs = value.get("langs")
    return PostContent(
        text=segmented("\n".join((value["text"], *_media_words(media_kind, media), *tags))),
        langs=f" {' '.join(langs)} " if langs else None,
        embed="+".join(filter(None, (media_kind, "record" if quote else None))) or None,
        quote=quote,
        has_media=media_kind in _MEDIA,
        has_video=media_kind == "video",
        mentions=_once(each["did"] for kind, each in features if kind == _MENTION),
        tags=_once(tag.removeprefix("#").casefold() for tag in tags),
        links=tuple((domain, uri) for uri in _once(iter(uris)) if (domain := domain_of(uri))),
    )


def domain_of(uri: str) -> str | None:
    """Return the host name in a link, lower case and without "www."; None for other schemes."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return host.lower().rstrip(".").removeprefix("www.")


def _parts(embed: JsonObject | None) -> tuple[JsonObject | None, str | None]:
    """Split an embed into its media and the URI of its record."""
    kind = None if embed is None else embed.get("$type")
    if embed is None or kind == f"{_EMBED}record":
        return None, embed["record"]["uri"] if embed else None
    if kind == f"{_EMBED}recordWithMedia":
        return embed["media"], embed["record"]["record"]["uri"]
    return embed, None


def _kind(media: JsonObject | None) -> str | None:
    """Name the media of an embed; unknown kinds count as none, as the union is open."""
    kind = "" if media is None else str(media.get("$type")).removeprefix(_EMBED)
    return kind if kind in _MEDIA or kind == "external" else None


def _media_words(kind: str | None, media: JsonObject | None) -> Iterator[str]:
    """Yield what is written in and about the media."""
    if media is None:
        return
    if kind == "external":
        yield media["external"]["title"]
        yield media["external"]["description"]
    elif kind == "video":
        yield media.get("alt", "")
    elif kind == "images":
        yield from (image["alt"] for image in media["images"])
    elif kind == "gallery":
        yield from (image.get("alt", "") for image in media["items"])


def _features(facets: Any) -> Iterator[tuple[Any, JsonObject]]:
    """Yield what is marked in a text, with its $type."""
    for facet in facets:
        for feature in facet["features"]:
            yield feature.get("$type"), feature


def _once(values: Iterator[str]) -> tuple[str, ...]:
    """Drop repetitions, keeping the order."""
    return tuple(dict.fromkeys(values))
