"""Read what people type into a search box.

Bare words, "phrases", #tags, from: author: mentions: to: (with "me"), since: until: lang: domain:,
a DID (an author), a URL (a link).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from appliance.appview.text_segments import ends_unspaced, query_words
from appliance.atproto.syntax import Datetime, InvalidSyntax

_TERM: Final = re.compile(r'"([^"]*)"?|(\S+)')
_WORD: Final = re.compile(r"\w+", re.UNICODE)
MOST_TERMS: Final = 32


class BadQueryString(ValueError):
    """A search text cannot be understood."""

    xrpc_name = "BadQueryString"


@dataclass(slots=True)
class PostQuery:
    """What posts are searched for; everything given has to hold. Actors as typed, not resolved."""

    phrases: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    langs: list[str] = field(default_factory=list)
    without_phrases: list[str] = field(default_factory=list)
    without_tags: list[str] = field(default_factory=list)
    without_authors: list[str] = field(default_factory=list)
    without_mentions: list[str] = field(default_factory=list)
    without_domains: list[str] = field(default_factory=list)
    without_urls: list[str] = field(default_factory=list)
    without_embedded: list[str] = field(default_factory=list)
    without_langs: list[str] = field(default_factory=list)
    since_us: int | None = None
    until_us: int | None = None
    parent: str | None = None
    root: str | None = None
    is_reply: bool | None = None
    has_media: bool = False
    has_video: bool = False
    is_followed: bool = False

    @property
    def match(self) -> str | None:
        """The full-text expression; None if no words are asked for."""
        wanted, left = _phrases(self.phrases, MOST_TERMS)
        if not wanted:
            return None
        unwanted, _ = _phrases(self.without_phrases, left)
        return " AND ".join(wanted) + "".join(f" NOT {phrase}" for phrase in unwanted)


def parse_post_query(text: str, me: str | None) -> PostQuery:
    """Read a search text; "me" in it is the viewer's DID. Raises BadQueryString."""
    query = PostQuery()
    for found in list(_TERM.finditer(text))[:MOST_TERMS]:
        if found[1] is not None:
            query.phrases.append(found[1])
        else:
            _add_term(query, found[2], me)
    return query


def _add_term(query: PostQuery, term: str, me: str | None) -> None:
    name, _, value = term.partition(":")
    if term.startswith(("http://", "https://")):
        query.urls.append(term)
    elif term.startswith("did:"):
        query.authors.append(term)
    elif term.startswith("#") and len(term) > 1:
        query.tags.append(term[1:])
    elif value and name.lower() in _OPERATORS:
        _add_operator(query, name.lower(), value.strip('"'), me)
    elif term.startswith("-") and len(term) > 1:
        query.without_phrases.append(term[1:])
    else:
        query.phrases.append(term)


_OPERATORS: Final = {
    "from": "authors",
    "author": "authors",
    "mentions": "mentions",
    "to": "mentions",
    "domain": "domains",
    "lang": "langs",
    "since": "since_us",
    "until": "until_us",
}


def _add_operator(query: PostQuery, name: str, value: str, me: str | None) -> None:
    attribute = _OPERATORS[name]
    if attribute in ("since_us", "until_us"):
        setattr(query, attribute, parse_time(value))
        return
    if attribute in ("authors", "mentions"):
        value = value.removeprefix("@")
        value = me if value == "me" and me is not None else value
    getattr(query, attribute).append(value)


def parse_time(text: str) -> int:
    """Read a datetime, or a day (its start, UTC), as microseconds. Raises BadQueryString."""
    try:
        return Datetime(text).to_us()
    except InvalidSyntax:
        pass
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadQueryString(f"not a date: {text[:40]}") from None
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(start.timestamp()) * 1_000_000


def words(text: str) -> list[str]:
    """Split a text into words as the full-text index does, nearly enough for a query."""
    return _WORD.findall(text.replace("_", " "))


def prefix_match(text: str, columns: Iterable[str]) -> str | None:
    """Make a full-text expression for a name being typed: its last word may be unfinished."""
    found = [part for word in words(text) for part in query_words(word)][:MOST_TERMS]
    if not found:
        return None
    quoted = " AND ".join(f'"{word}"' for word in found[:-1])
    last = f'"{found[-1]}"*'
    return f"{{{' '.join(columns)}}} : ({quoted + ' AND ' if quoted else ''}{last})"


def any_of(phrases: Iterable[str]) -> str | None:
    """Make a full-text expression for what has any of some phrases; None if they say nothing."""
    return " OR ".join(_quote(found) for phrase in phrases if (found := _words(phrase))) or None


def _phrases(phrases: Iterable[str], most: int) -> tuple[list[str], int]:
    """Quote phrases until they have so many words; give how many more they might have."""
    quoted = []
    for phrase in phrases:
        found = _words(phrase)[:most]
        most -= len(found)
        if found:
            quoted.append(_quote(found))
    return quoted, most


def _words(phrase: str) -> list[str]:
    return [part for word in words(phrase) for part in query_words(word)]


def _quote(found: list[str]) -> str:
    """Quote a phrase; a single character of writing without spaces stands for its pairs."""
    is_open = len(found[-1]) == 1 and ends_unspaced(found[-1])
    return f'"{" ".join(found)}"' + ("*" if is_open else "")
