"""Somebody outside who looks whether this server can be reached: a hop that the operator chooses.

Whatever the hop says, it is believed only that somebody came: the mirror knows.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from appliance.base.http import HttpClient, OutboundFailed
from appliance.pds.doctor.mirror import PATH, Mirror
from appliance.pds.doctor.public_place import PublicPlace
from appliance.upkeep.checkup import Finding

SECONDS: Final = 25.0
ASK_SECONDS: Final = 15.0
MOST_WORDS: Final = 200
MOST_BYTES: Final = 10_000
# The method with which another Hearth looks.
LOOK_AT: Final = "/xrpc/internal.hearth.pds.lookAt"
_URL: Final = "{url}"


@dataclass(frozen=True)
class Looked:
    """What came of it: whether somebody came, and what the hop says; `failure` if it is away."""

    arrived: bool
    words: str
    failure: str = ""


async def look(place: PublicPlace, mirror: Mirror, http: HttpClient) -> Looked:
    """Have the hop look at the mirror."""
    nonce = mirror.new()
    url = f"{place.url}{PATH}{nonce}"
    if _URL in place.hop:
        asked = place.hop.replace(_URL, quote(url, safe=""))
    else:
        asked = f"{place.hop.rstrip('/')}{LOOK_AT}?url={quote(url, safe='')}"
    try:
        answer = await http.request("GET", asked, timeout=SECONDS)
    except OutboundFailed as problem:
        return Looked(mirror.was_asked(nonce), "", str(problem))
    arrived = mirror.was_asked(nonce)
    words = " ".join(answer.body.decode("utf-8", "replace").split())[:MOST_WORDS]
    failure = f"it answers {answer.status}: {words}" if answer.status >= 400 else ""
    return Looked(arrived, words, "" if arrived else failure)


async def ask_mirror(http: HttpClient, url: str) -> str:
    """Look into another server's mirror, on its behalf; say in words how it went."""
    try:
        answer = await http.request(
            "GET", url, timeout=ASK_SECONDS, redirects=0, max_bytes=MOST_BYTES
        )
    except OutboundFailed as problem:
        return str(problem)[:MOST_WORDS]
    return f"it answers {answer.status}"


def finding(place: PublicPlace, looked: Looked) -> Finding | None:
    """Say what is wrong; None if somebody came."""
    if looked.arrived:
        return None
    if looked.failure:
        return Finding(
            "Look from outside",
            "warn",
            f"the hop {place.hop} does not look: {looked.failure}",
            "a place outside that looks here when it is asked",
            "see checkup.hop; another Hearth looks for you where checkup.looks_for_others is on",
            "hop-silent",
        )
    return Finding(
        f"Address {place.url}",
        "bad",
        f"it answers here, but nobody comes in from outside; the hop says: {looked.words}",
        "to be reached from the internet",
        f"forward port {place.port} on the router to this computer or its proxy, and see that"
        " neither a firewall nor the provider closes it",
        "port-outside",
    )
