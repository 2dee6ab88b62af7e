"""What a house says of itself: its card. Read strictly; a stranger wrote it."""

import re
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from appliance.atproto.data import dumps
from appliance.atproto.identity.names import OFFLINE
from appliance.atproto.syntax import Did
from appliance.base.machine import is_literal

LONGEST_NAME: Final = 60
LONGEST_URL: Final = 300
MOST_DOMAINS: Final = 8
_URL: Final = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[1-9]\d{0,4})?", re.ASCII)
_DOMAIN: Final = re.compile(r"(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+", re.ASCII)


class InvalidCard(ValueError):
    """What was said is no card."""


@dataclass(frozen=True)
class Card:
    """A house: its name, the DID of its PDS, the PDS's URL, and what handles there end in."""

    name: str
    did: str
    pds: str
    domains: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether its PDS has a name that the whole world can look up."""
        parts = urlsplit(self.pds)
        host = parts.hostname or ""
        top = host.rpartition(".")[2]
        at_home = is_literal(host) or not top or top in OFFLINE or "." not in host
        return parts.scheme == "https" and not at_home

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "domains": list(self.domains)}

    def as_text(self) -> str:
        """Write it in the one form that codes are made of."""
        given = self.as_json()
        return dumps({key: given[key] for key in sorted(given)}).decode()


def read_card(value: Any) -> Card:
    """Read a card. Raises InvalidCard."""
    if not isinstance(value, dict):
        raise InvalidCard("a card is an object")
    name, did, pds = (value.get(field) for field in ("name", "did", "pds"))
    domains = value.get("domains")
    if not (isinstance(name, str) and isinstance(did, str) and isinstance(pds, str)):
        raise InvalidCard("a card has a name, a did and a pds")
    if not isinstance(domains, list) or len(domains) > MOST_DOMAINS:
        raise InvalidCard("a card has a few domains")
    if not all(isinstance(one, str) and _is_domain(one) for one in domains):
        raise InvalidCard("a domain is malformed")
    if len(pds) > LONGEST_URL or not _URL.fullmatch(pds):
        raise InvalidCard("the pds is no URL of a server")
    try:
        Did(did)
    except ValueError:
        raise InvalidCard("the did is malformed") from None
    return Card(plain(name), did, pds, tuple(domains))


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """Take out of a stranger's text whatever is not to be seen, or would move what stands beside.

    Direction marks, controls, line ends and private characters go; blanks become one each.
    """
    seen = unicodedata.normalize("NFC", text[: 4 * longest])
    kept = "".join(each if unicodedata.category(each)[0] not in "CZ" else " " for each in seen)
    return " ".join(kept.split())[:longest].rstrip() or "?"


def _is_domain(text: str) -> bool:
    return len(text) <= 253 and bool(_DOMAIN.fullmatch(text))
