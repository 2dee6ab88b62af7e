"""Read what the head of a page says of it: title, description, picture. No script is run."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final
from urllib.parse import urljoin, urlsplit

LONGEST_TITLE: Final = 300
LONGEST_DESCRIPTION: Final = 1000
LONGEST_URL: Final = 2048
MOST_TAGS: Final = 5000

_TITLES: Final = ("og:title", "twitter:title")
_DESCRIPTIONS: Final = ("og:description", "twitter:description", "description")
_PICTURES: Final = ("og:image:secure_url", "og:image:url", "og:image", "twitter:image")
_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-z0-9._:-]{1,40})", re.I)
# Strangers write pages: each pattern below looks at each character a bounded number of times. No
# tag reaches beyond the next "<", whatever its quotes say.
_END_OF_HEAD: Final = re.compile(r"</head|<body\b", re.I)
_TITLE: Final = re.compile(r"<title(?:\s[^<>]*+)?>([^<]*+)", re.I)
_META: Final = re.compile(r"""<meta\s((?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)>""", re.I)
_ATTRIBUTE: Final = re.compile(
    r"""(?<![^\s"'])([a-z][a-z:-]{0,30}+)\s{0,9}+=\s{0,9}+(?:"([^"]*+)"|'([^']*+)'|([^\s"']++))""",
    re.I,
)
# Of what cannot be seen, spaces at most.
_UNSEEN: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class PageTold:
    """What a page says; "" for what it does not. The picture is an http(s) address."""

    title: str = ""
    description: str = ""
    picture: str = ""


def read_page(body: bytes, charset: str | None, url: str) -> PageTold:
    """Read the beginning of a page that was found at this address."""
    head = _END_OF_HEAD.split(_text(body, charset), maxsplit=1)[0]
    said: dict[str, str] = {}
    for tag in islice(_META.finditer(head), MOST_TAGS):
        given = {name.lower(): _value(*rest) for name, *rest in _ATTRIBUTE.findall(tag[1])}
        name = (given.get("property") or given.get("name") or "").strip().lower()
        said.setdefault(name, given.get("content", ""))
    title = _TITLE.search(head)
    return PageTold(
        _first(said, _TITLES, LONGEST_TITLE) or _line(title[1] if title else "", LONGEST_TITLE),
        _first(said, _DESCRIPTIONS, LONGEST_DESCRIPTION),
        _address(url, next((said[name] for name in _PICTURES if said.get(name)), "")),
    )


def is_web_address(url: str) -> bool:
    """Whether an address is one of the web: http(s), a host, nobody's password."""
    try:
        parts = urlsplit(url)
        has_user = parts.username is not None or parts.password is not None
    except ValueError:
        return False
    fits = len(url) <= LONGEST_URL and url.isprintable() and not re.search(r"[\s\\]", url)
    return fits and parts.scheme in ("http", "https") and bool(parts.hostname) and not has_user


def _value(*forms: str) -> str:
    """Give the value of an attribute, in whichever quotes it stood."""
    return next((form for form in forms if form), "")


def _text(body: bytes, charset: str | None) -> str:
    named = _CHARSET.search(body[:4096])
    for name in (charset, named[1].decode() if named else None):
        decode = _decoder(name)
        if decode is not None:
            return decode(body)
    return body.decode("utf-8", errors="replace")


def _decoder(name: str | None) -> Callable[[bytes], str] | None:
    """Find how to read a charset; None for one that is unknown or no charset of text."""
    if not name:
        return None

    def decode(body: bytes) -> str:
        return body.decode(name, errors="replace")

    try:
        # Of nothing at all every name can be decoded.
        decode(b"x")
    except (LookupError, ValueError):
        return None
    return decode


def _first(said: dict[str, str], names: tuple[str, ...], longest: int) -> str:
    return next((line for name in names if (line := _line(said.get(name, ""), longest))), "")


def _line(text: str, longest: int) -> str:
    """Write a text on one line, cut where it is too long."""
    line = _UNSEEN.sub(" ", html.unescape(text[: 4 * longest])).strip()
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _address(base: str, reference: str) -> str:
    try:
        written = html.unescape(reference[: 2 * LONGEST_URL]).strip()
        found = urljoin(base, written) if written else ""
    except ValueError:
        return ""
    return found if is_web_address(found) else ""
