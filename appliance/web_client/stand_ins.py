"""What a client asks of services that are not here, answered as far as the answer is true.

Each function answers for one service, named by `addresses`; the path is what followed the name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

# "Unknown or unspecified" among the codes of countries: rules of no country are taken for it.
NOWHERE: Final = "ZZ"


@dataclass(frozen=True)
class Asked:
    """A request to a service: what followed its name, what was given with it."""

    path: str
    params: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """An answer: JSON, or with `go_to` the address of somebody else's page to go on to."""

    status: int
    value: Any = None
    go_to: str = ""


Service = Callable[[Asked, str], Said]

_NOT_HERE: Final = Said(404, {"error": "NotFound", "message": "This service is not offered here"})


def answer(service: str, asked: Asked, own: str) -> Said:
    """Answer for a service; `own` is the address of this client, without a slash behind."""
    found = _BY_NAME.get(service)
    return found(asked, own) if found else _NOT_HERE


def _location(asked: Asked, _own: str) -> Said:
    """Where the visitor is: nobody here looks that up."""
    if asked.path != "geolocation":
        return _NOT_HERE
    return Said(200, {"countryCode": NOWHERE, "regionCode": ""})


def _events(asked: Asked, _own: str) -> Said:
    """Telemetry is let fall, and no feature is switched."""
    if asked.path.startswith("gb/"):
        return Said(200, {"status": 200, "features": {}, "experiments": []})
    return Said(200, {}) if asked.path == "t" else _NOT_HERE


def _app_config(asked: Asked, _own: str) -> Said:
    if asked.path != "config":
        return _NOT_HERE
    return Said(200, {"liveNow": {"allow": [], "exceptions": []}})


def _live_events(asked: Asked, _own: str) -> Said:
    return Said(200, {"feeds": []}) if asked.path == "config" else _NOT_HERE


def _gifs(_asked: Asked, _own: str) -> Said:
    """Pictures that move: none are kept here."""
    return Said(200, {"results": [], "next": ""})


def _links(asked: Asked, own: str) -> Said:
    """Short addresses are not made here: the long one serves. Ways out lead straight out."""
    path = asked.body.get("path")
    if asked.path == "link" and isinstance(path, str) and path.startswith("/"):
        return Said(200, {"url": own + path})
    outside = asked.params.get("u", "")
    if asked.path == "redirect" and _is_web_address(outside):
        return Said(200, go_to=outside)
    return _NOT_HERE


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    plain = text.isprintable() and "\\" not in text
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


_BY_NAME: Final[Mapping[str, Service]] = {
    "location": _location,
    "events": _events,
    "app-config": _app_config,
    "live-events": _live_events,
    "gifs": _gifs,
    "links": _links,
}
