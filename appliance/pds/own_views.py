"""Views of what a member just wrote, made here because their AppView has not read it yet.

They show what follows from the repo alone: of a new post nothing is counted yet.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from appliance.atproto.data import record_json
from appliance.atproto.syntax import AtUri, Datetime, Did, Handle, InvalidSyntax
from appliance.pds.records import POST, NewRecord

View: TypeAlias = dict[str, Any]
# Asks the member's AppView something in their name: method, parameters; None if it cannot say.
Ask: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[View | None]]
# Makes the address of a picture: preset, whose, CID.
ImageAddress: TypeAlias = Callable[[str, Did, str], str]

_EMBED: Final = "app.bsky.embed"


@dataclass(frozen=True)
class Author:
    """A member as their posts name them; `profile` is their profile record in JSON, or empty."""

    did: Did
    handle: Handle
    profile: View


class OwnViews:
    """Make the views of one member's records."""

    def __init__(self, author: Author, newest: list[NewRecord], image: ImageAddress, ask: Ask):
        self._author = author
        self._newest = {record.uri: record for record in newest}
        self._image = image
        self._ask = ask

    def author(self) -> View:
        """Give the short view of the member."""
        return self.renamed({"did": self._author.did, "handle": self._author.handle})

    def renamed(self, view: View) -> View:
        """Put name and picture of the profile record into a view of the member."""
        return self._with(view, displayName=self._text("displayName"), avatar=self._picture())

    def detailed(self, view: View) -> View:
        """Put all that the profile record says into a view of the member."""
        banner = self._picture("banner")
        return self._with(self.renamed(view), description=self._text("description"), banner=banner)

    async def post(self, new: NewRecord) -> View:
        """Make the view of a new post."""
        record: Any = record_json(new.block)
        view = {
            "uri": new.uri,
            "cid": str(new.cid),
            "author": self.author(),
            "record": record,
            "replyCount": 0,
            "repostCount": 0,
            "likeCount": 0,
            "quoteCount": 0,
            "indexedAt": written_at(new),
        }
        return self._with(view, embed=await self._embed(record.get("embed")))

    async def _embed(self, embed: Any) -> View | None:
        kind = embed.get("$type") if embed else None
        if kind in (f"{_EMBED}.images", f"{_EMBED}.external"):
            return self._media(embed)
        if kind == f"{_EMBED}.record":
            return await self._quote(embed)
        if kind == f"{_EMBED}.recordWithMedia" and (media := self._media(embed["media"])):
            quote = await self._quote(embed["record"])
            return {"$type": f"{kind}#view", "record": quote, "media": media}
        return None

    def _media(self, embed: View) -> View | None:
        if embed["$type"] == f"{_EMBED}.images":
            images = [self._shown(image) for image in embed["images"]]
            return {"$type": f"{_EMBED}.images#view", "images": images}
        if embed["$type"] == f"{_EMBED}.external":
            card = embed["external"]
            thumb = self._address("feed_thumbnail", card.get("thumb"))
            named = {name: card[name] for name in ("uri", "title", "description")}
            return {"$type": f"{_EMBED}.external#view", "external": self._with(named, thumb=thumb)}
        return None

    def _shown(self, image: View) -> View:
        view = {
            "thumb": self._address("feed_thumbnail", image["image"]),
            "fullsize": self._address("feed_fullsize", image["image"]),
            "alt": image["alt"],
        }
        return self._with(view, aspectRatio=image.get("aspectRatio"))

    async def _quote(self, embed: View) -> View:
        uri = embed["record"]["uri"]
        found = await self._quoted(uri)
        missing = {"$type": f"{_EMBED}.record#viewNotFound", "uri": uri, "notFound": True}
        return {"$type": f"{_EMBED}.record#view", "record": found or missing}

    async def _quoted(self, uri: str) -> View | None:
        if uri in self._newest:
            return _quotation(await self._unembedded(self._newest[AtUri.unchecked(uri)]))
        try:
            collection = AtUri(uri).collection
        except InvalidSyntax:
            return None
        if collection == POST:
            answer = await self._ask("app.bsky.feed.getPosts", {"uris": uri})
            posts = answer["posts"] if answer else []
            return _quotation(posts[0]) if posts else None
        if collection == "app.bsky.feed.generator":
            answer = await self._ask("app.bsky.feed.getFeedGenerator", {"feed": uri})
            return answer and {**answer["view"], "$type": "app.bsky.feed.defs#generatorView"}
        if collection == "app.bsky.graph.list":
            answer = await self._ask("app.bsky.graph.getList", {"list": uri, "limit": "1"})
            return answer and {**answer["list"], "$type": "app.bsky.graph.defs#listView"}
        return None

    async def _unembedded(self, new: NewRecord) -> View:
        """The view of a new post that a newer one quotes: what it quotes itself is left out."""
        return {
            "uri": new.uri,
            "cid": str(new.cid),
            "author": self.author(),
            "record": record_json(new.block),
            "indexedAt": written_at(new),
        }

    def _picture(self, field: str = "avatar") -> str | None:
        return self._address(field, self._author.profile.get(field))

    def _text(self, field: str) -> str | None:
        return self._author.profile.get(field)

    def _address(self, preset: str, blob: View | None) -> str | None:
        return self._image(preset, self._author.did, blob["ref"]["$link"]) if blob else None

    @staticmethod
    def _with(view: View, **fields: Any) -> View:
        """Set the fields that have a value, and take away those that have none."""
        kept = {name: value for name, value in view.items() if name not in fields}
        return kept | {name: value for name, value in fields.items() if value is not None}


def written_at(new: NewRecord) -> Datetime:
    """The moment of a record's commit, as its rev tells."""
    return Datetime.from_us(new.rev.to_us())


def image_addresses(pattern: str, pds_url: str) -> ImageAddress:
    """Make addresses by a pattern with three `%s` (preset, DID, CID), or of the blobs here."""

    def address(preset: str, did: Did, cid: str) -> str:
        if pattern:
            return pattern % (preset, did, cid)
        return f"{pds_url}/xrpc/com.atproto.sync.getBlob?did={did}&cid={cid}"

    return address


def _quotation(post: View) -> View:
    """Turn the view of a post into the view of a post that is quoted."""
    view = {
        "$type": f"{_EMBED}.record#viewRecord",
        **{name: post[name] for name in ("uri", "cid", "author", "indexedAt")},
        "value": post["record"],
    }
    if "labels" in post:
        view["labels"] = post["labels"]
    if "embed" in post:
        view["embeds"] = [post["embed"]]
    return view
