"""Dynamic DNS: a public address that changes is told to whoever leads our names to it.

By the common kind of URL (dyndns2 and its relatives), or by RFC 2136.
"""

import base64
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from appliance.base.addresses import is_public, parse_address
from appliance.base.http import HttpClient, OutboundFailed
from appliance.https.acme import AcmeRefused
from appliance.https.opening import dns_place, names_of, secret_of
from appliance.settings import Settings
from appliance.upkeep.address_journal import AddressJournal
from appliance.upkeep.again import Again

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS: Final = 300.0
# Services forget names that nobody speaks of; a service that is asked to see by itself is asked
# each hour.
SECONDS_TO_TELL_AGAIN: Final = 86_400.0
SECONDS_TO_TELL_BLINDLY: Final = 3_600.0
LONGEST_ANSWER: Final = 2_000
# Words of dyndns2 for what was understood; others answer 200 and "OK".
_FAULTS: Final = ("badauth", "notfqdn", "nohost", "numhost", "abuse", "badagent", "dnserr", "911")

# Tells addresses, either of them empty where there is none.
Tell: TypeAlias = Callable[[str, str], Awaitable[None]]


class NotTold(Exception):
    """The service did not understand, or did not answer."""


@dataclass(frozen=True)
class Asking:
    """How the own addresses are found: IPv4 by a page outside (empty: not), IPv6 at home."""

    http: HttpClient
    page: str
    ipv6: Callable[[], str]

    async def look(self) -> tuple[str, str]:
        """Give both, empty where there is none. Raises NotTold."""
        if not self.page:
            return "", self.ipv6()
        try:
            answer = await self.http.request("GET", self.page, max_bytes=LONGEST_ANSWER)
        except OutboundFailed as problem:
            raise NotTold(f"{self.page}: {problem}") from problem
        found = parse_address(answer.body.decode("ascii", "replace").strip())
        if answer.status != 200 or not isinstance(found, IPv4Address) or not is_public(found):
            raise NotTold(f"{self.page} answers with no public IPv4 address")
        return str(found), self.ipv6()


class AddressKeeper:
    """Looks every few minutes, and tells what is new."""

    def __init__(self, data: Path, asking: Asking, tell: Tell, now: Callable[[], float]) -> None:
        self._data = data
        self._asking = asking
        self.tell = tell
        self._now = now

    async def run(self) -> None:
        """Go on until cancelled."""
        again = Again(self._data)
        while True:
            await self.look()
            await again.wait(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Look once, and tell if there is something to tell."""
        known = AddressJournal.read(self._data)
        try:
            ip, ip6 = await self._asking.look()
            again = SECONDS_TO_TELL_AGAIN if ip else SECONDS_TO_TELL_BLINDLY
            is_late = self._now() >= known.told_at + again
            if (ip, ip6) == (known.ip, known.ip6) and not is_late and not known.failure:
                return
            await self.tell(ip, ip6)
        except (NotTold, AcmeRefused) as problem:
            log.warning("public address is not told: %s", problem)
            self._write(replace(known, failure=str(problem)))
        else:
            log.info("public address is told ip=%s ip6=%s", ip, ip6)
            self._write(AddressJournal(ip, ip6, self._now()))

    def _write(self, journal: AddressJournal) -> None:
        journal.write(self._data)


class ByUrl:
    """A service that is told by calling a URL. What stands in it is secret."""

    def __init__(self, http: HttpClient, url: str, name: str) -> None:
        self._http = http
        self._url = url
        self._name = name

    async def __call__(self, ip: str, ip6: str) -> None:
        """Call it. Raises NotTold, which does not say the URL."""
        if not self._url:
            raise NotTold("there is no URL in secrets/dynamic-dns-url")
        url, headers = _without_login(self._url)
        for word, value in (("name", self._name), ("ip6", ip6), ("ip", ip)):
            url = url.replace(f"{{{word}}}", quote(value, safe=":."))
        try:
            answer = await self._http.request("GET", url, headers=headers, max_bytes=LONGEST_ANSWER)
        except OutboundFailed as problem:
            raise NotTold(f"the service cannot be called: {problem}") from problem
        said = answer.body.decode("utf-8", "replace").strip()[:60]
        first = said.lower().partition(" ")[0]
        if answer.status != 200 or first in _FAULTS or first in ("ko", "error"):
            raise NotTold(f"the service answers {answer.status} {said}")


def _without_login(url: str) -> tuple[str, dict[str, str]]:
    """Take name and password out of a URL; they belong into a header."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    place = parts.netloc.rpartition("@")[2]
    header = f"Basic {base64.b64encode(login).decode('ascii')}"
    return parts._replace(netloc=place).geturl(), {"Authorization": header}


def address_keeper(settings: Settings, http: HttpClient) -> AddressKeeper:
    """Make who tells the address, as the settings say."""
    tell: Tell
    if settings.address.follow == "dns":
        tell = _by_dns(settings)
    else:
        tell = ByUrl(http, secret_of(settings, "dynamic-dns-url"), settings.pds.hostname)
    asking = Asking(http, settings.address.ask, public_ipv6)
    return AddressKeeper(settings.paths.data, asking, tell, time.time)


def _by_dns(settings: Settings) -> Tell:
    # The DNS library is loaded where it is needed.
    from appliance.https.dns_proofs import Updates

    server = Updates(*dns_place(settings))
    stars = (f"*{ending}" for ending in settings.network.handle_domains)
    names = (*names_of(settings), *stars)

    async def tell(ip: str, ip6: str) -> None:
        known = {kind: each for kind, each in (("A", ip), ("AAAA", ip6)) if each}
        if not known:
            raise NotTold("no public address is known here; see address.ask")
        await server.lead(names, known)

    return tell


def public_ipv6() -> str:
    """Give this machine's own public IPv6 address; empty where it has none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asker:
        # Nothing is sent: which address of ours would be used is the kernel's to say.
        asker.connect(("2600::", 9))
        found = parse_address(str(asker.getsockname()[0]))
        if found is not None and is_public(found):
            return str(found)
    return ""
