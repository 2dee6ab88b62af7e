"""Which addresses a client holds as constants, and what stands in their place.

Seen in the official client, 1.126 (June 2026). A service is named by the start of an address,
whatever follows it; a home page only where a text of the program is the address and nothing else,
since addresses of pages below it (help, terms) are somebody's pages still.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

# Answers of our own to what other services would be asked lie below this path.
STAND_INS: Final = "/-"

_APPVIEWS: Final = ("https://public.api.bsky.app", "https://api.bsky.app")
_SERVICES: Final[Mapping[str, str]] = {
    "https://ip.bsky.app": "location",
    "https://events.bsky.app": "events",
    "https://app-config.workers.bsky.app": "app-config",
    "https://live-events.workers.bsky.app": "live-events",
    "https://cardyb.bsky.app": "cards",
    "https://gifs.bsky.app": "gifs",
    "https://video.bsky.app": "video",
    "https://api.bsky.chat": "chat",
    "https://go.bsky.app": "links",
    "https://ogcard.cdn.bsky.app": "pack-cards",
}
_CARDS: Final = "https://cardyb.bsky.app"
_PROVIDER: Final = "https://bsky.social"
_PROVIDER_NAME: Final = "Bluesky Social"
_SITE: Final = "https://bsky.app"
_SITE_PATHS: Final = ("/profile/", "/start/")
# Whom reports go to, whom new members follow, and the feeds that new members find pinned; the
# first is shown to those who follow nobody, and to the signed-out.
_MODERATORS: Final = "did:plc:ar7c4by46qjdydhdevvrndac"
_COMPANY: Final = "did:plc:z72i7hdynmk6r22z27h6tvur"
_FEEDS: Final = "app.bsky.feed.generator"
_PINNED: Final = (("whats-hot", "everyone"), ("thevids", "photos"))
# Of an address, what means the same in a script, a string of one and an attribute.
_HARMLESS: Final = ":/.-_~[]%"
_HEAD: Final = re.compile(rb"<head[^>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Own:
    """Our addresses, without a slash behind: this client's, the PDS's; the network's name."""

    client: str
    pds: str
    network: str
    # Whether shared links lead here. On the public network they lead where all can read them.
    links_lead_here: bool
    # Where cards are made of links; "" for nowhere.
    cards: str = ""
    # The DID of the network's own account, which labels and offers feeds; "" if there is none.
    account: str = ""


class Replacement:
    """Replaces foreign addresses by ours in the files of an export."""

    def __init__(self, own: Own) -> None:
        client, pds, cards = (
            quote(url, safe=_HARMLESS) for url in (own.client, own.pds, own.cards)
        )
        services = dict.fromkeys(_APPVIEWS, client)
        services |= {url: f"{client}{STAND_INS}/{name}" for url, name in _SERVICES.items()}
        services[_CARDS] = cards or f"{client}{STAND_INS}/cards"
        starts: dict[str, str] = {}
        wholes = {_PROVIDER: pds, _PROVIDER_NAME: _in_a_script(own.network)}
        if own.links_lead_here:
            starts |= {f"{_SITE}{path}": f"{client}{path}" for path in _SITE_PATHS}
            wholes |= {_SITE: client, f"{_SITE}/": f"{client}/"}
        if own.account:
            wholes |= dict.fromkeys((_MODERATORS, _COMPANY), own.account)
            feeds = f"at://{own.account}/{_FEEDS}/"
            starts[f"at://{_COMPANY}/{_FEEDS}/"] = feeds
            for theirs, ours in _PINNED:
                wholes[theirs] = ours
                wholes[f"at://{_COMPANY}/{_FEEDS}/{theirs}"] = feeds + ours
        self._new = {
            old.encode(): new.encode() for old, new in {**services, **starts, **wholes}.items()
        }
        # A longer host name that begins alike is another host.
        patterns = [rb"(?:" + _any_of(services) + rb")(?![\w.-])"]
        # A text that is known as a whole is not taken by its start.
        patterns += [rb"(?<=([\"'`]))(?:" + _any_of(wholes) + rb")(?=\1)"]
        patterns += [_any_of(starts)] if starts else []
        self._pattern = re.compile(b"|".join(patterns))

    @property
    def identity(self) -> bytes:
        """What tells this replacement from any other."""
        return repr(sorted(self._new.items())).encode() + self._pattern.pattern

    def in_script(self, text: bytes) -> bytes:
        """Replace the addresses in a script."""
        return self._pattern.sub(lambda found: self._new[found[0]], text)

    def in_page(self, text: bytes) -> bytes:
        """Replace them in a page, and let relative names mean files at the top."""
        text = self.in_script(text)
        if b"<base" in text.lower():
            return text
        return _HEAD.sub(lambda found: found[0] + b'<base href="/">', text, count=1)


def _any_of(texts: Mapping[str, str]) -> bytes:
    return b"|".join(re.escape(text.encode()) for text in sorted(texts, key=len, reverse=True))


def _in_a_script(text: str) -> str:
    """Write a text so that it stands for itself in a script's string, whatever its quotes."""
    written = json.dumps(text)[1:-1].replace('\\"', "\\u0022")
    for sign in "'`$<>&":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written
