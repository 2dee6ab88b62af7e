"""What a feed of this network holds: a kind, and some conditions."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

from appliance.atproto.syntax import Datetime, Did, JsonObject

Kind: TypeAlias = Literal["everyone", "photos", "friends", "hashtags", "words"]
Scope: TypeAlias = Literal["here", "all"]

COLLECTION: Final = "app.bsky.feed.generator"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", re.ASCII)
_WORDY: Final = frozenset(("hashtags", "words"))


class InvalidFeed(ValueError):
    """A rule that makes no feed."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class FeedRule:
    """One feed. `words` are hashtags without `#`, or words and phrases, any of which will do.

    everyone: every post; photos: those with pictures; friends: of those followed by whom the
    reader follows; `scope`: by members, or by everybody we know.
    """

    name: str
    title: str
    kind: Kind
    description: str = ""
    words: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    scope: Scope = "here"
    media_only: bool = False
    with_replies: bool = False
    min_likes: int = 0
    max_age_hours: int | None = None

    @classmethod
    def parse(cls, value: JsonObject) -> Self:
        """Read a rule whose shape the lexicon has checked. Raises InvalidFeed."""
        kind: Kind = value["kind"]
        words = tuple(dict.fromkeys(_word(kind, text) for text in value.get("words", ())))
        if not _NAME.fullmatch(value["name"]):
            raise InvalidFeed("the name of a feed is of small letters, digits and inner hyphens")
        if not value["title"].strip():
            raise InvalidFeed("a feed has a title")
        if (kind in _WORDY) != bool(words):
            raise InvalidFeed("hashtags and words are what these kinds of feeds have, and no other")
        return cls(
            name=value["name"],
            title=value["title"].strip(),
            kind=kind,
            description=value.get("description", "").strip(),
            words=words,
            languages=tuple(dict.fromkeys(tag.lower() for tag in value.get("languages", ()))),
            scope=value.get("scope", "all" if kind in (*_WORDY, "friends") else "here"),
            media_only=value.get("mediaOnly", False) or kind == "photos",
            with_replies=value.get("withReplies", False),
            min_likes=value.get("minLikes", 0),
            max_age_hours=value.get("maxAgeHours"),
        )

    def as_json(self) -> JsonObject:
        """Write the rule as it is kept and shown to the operator."""
        shown: JsonObject = {
            "name": self.name,
            "title": self.title,
            "kind": self.kind,
            "description": self.description,
            "words": list(self.words),
            "languages": list(self.languages),
            "scope": self.scope,
            "mediaOnly": self.media_only,
            "withReplies": self.with_replies,
            "minLikes": self.min_likes,
        }
        if self.max_age_hours is not None:
            shown["maxAgeHours"] = self.max_age_hours
        return shown

    @property
    def is_personal(self) -> bool:
        """Whether it differs from reader to reader."""
        return self.kind == "friends"

    def record(self, did: Did, created_us: int) -> JsonObject:
        """Write the record that announces the feed, served by this DID."""
        record: JsonObject = {
            "$type": COLLECTION,
            "did": did,
            "displayName": self.title,
            "createdAt": Datetime.from_us(created_us),
        }
        return {**record, "description": self.description} if self.description else record


FIRST: Final[Sequence[FeedRule]] = (
    FeedRule("everyone", "Everyone here", "everyone", "All that members of this network post."),
    FeedRule("photos", "Photos here", "photos", "Pictures by members.", media_only=True),
    FeedRule(
        "friends",
        "Friends of friends",
        "friends",
        "Posts by those whom the people you follow follow.",
        scope="all",
    ),
)


def _word(kind: Kind, text: str) -> str:
    """Write a hashtag or a phrase as it is looked for. Raises InvalidFeed."""
    word = unicodedata.normalize("NFC", text).strip()
    if kind == "hashtags":
        word = word.removeprefix("#").casefold()
        if re.search(r"\s", word):
            raise InvalidFeed(f"a hashtag has no spaces: {word}")
    if not any(char.isalnum() for char in word):
        raise InvalidFeed("a word has letters or digits")
    return word
