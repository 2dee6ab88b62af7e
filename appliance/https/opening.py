"""Opens what HTTPS takes: certificates, the door that shows them, and who keeps them."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from appliance.base.http import HttpClient, OutboundFailed
from appliance.base.machine import is_literal
from appliance.base.workers import Workers
from appliance.https.account_key import AccountKey, as_pem, new_key
from appliance.https.acme import AcmeClient, Way
from appliance.https.hello import Hello
from appliance.https.keeper import Keeper, Wanted
from appliance.https.owned import OwnFiles
from appliance.https.plain_door import build_plain_door
from appliance.https.proofs import ACME_TLS, HttpProofs, TlsProofs
from appliance.https.requests import request_for
from appliance.https.shelf import Shelf
from appliance.https.tls_door import TlsDoor
from appliance.settings import Settings
from appliance.upkeep.again import Again
from appliance.upkeep.https_journal import HttpsJournal

log = logging.getLogger(__name__)

CHECK: Final = "/tls-check"
BY_DNS: Final = "dns-01"
SECONDS_BETWEEN_LOOKS: Final = 3600.0


class Https:
    """HTTPS of this network. Made once; `serve` begins it."""

    def __init__(
        self, settings: Settings, http: HttpClient, now: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._http = http
        self._now = now
        self.texts = HttpProofs()
        self.proofs = TlsProofs()
        self.ways: list[Way] = []
        self.shelf = Shelf(settings.paths.secret("https"))
        self._main = settings.pds.hostname
        self._keeper: Keeper | None = None
        self.own: OwnFiles | None = None

    def serve(
        self,
        workers: Workers,
        protocol: Callable[[], asyncio.Protocol],
        listeners: Mapping[str, Sequence[socket.socket]],
    ) -> None:
        """Begin to answer at the listeners for "https", and to keep certificates.

        Those for "http" are served by who has the plain door. While no name can be proven, nothing
        is asked of an authority: ports that are opened later come with another start.
        """
        self.ways = list(self._ways_by(listeners))
        is_more_open = self._note_ports(listeners)
        if self._settings.https.mode == "files":
            self.own = OwnFiles(self._settings.https, self.shelf)
            workers.start("certificate files", self.own.run)
        else:
            self.shelf.load()
            self._keeper = self._make_keeper()
            if is_more_open:
                self._keeper.try_now()
            if self.ways:
                workers.start("certificates", self._keeper.run)
            workers.start("certificates wished for", self._hear)
        door = TlsDoor(protocol, self._context, workers)
        for listener in listeners.get("https", ()):
            workers.start("https", partial(door.serve, listener))

    def plain_door(self, is_ours: Callable[[str], bool]) -> web.Application:
        """Make what answers at the port for http; from then on names are proven there."""
        return build_plain_door(self.texts, is_ours, self._main, self._settings.https.port)

    async def renew(self, name: str) -> None:
        """Get a certificate now, whatever is there."""
        if self._keeper is not None:
            await self._keeper.renew(name)

    async def _hear(self) -> None:
        """Do not wait any longer with what failed, when the owner says so."""
        again = Again(self._settings.paths.data)
        while True:
            if await again.wait(SECONDS_BETWEEN_LOOKS) and self._keeper is not None:
                self._keeper.try_now()

    def _ways_by(self, listeners: Mapping[str, Sequence[socket.socket]]) -> Iterator[Way]:
        """Give the ways to prove a name, first the one that needs nobody to come in."""
        by_dns = dns_proofs(self._settings)
        if by_dns is not None:
            yield by_dns
        if listeners.get("http"):
            yield self.texts
        if listeners.get("https"):
            yield self.proofs

    def _note_ports(self, listeners: Mapping[str, Sequence[socket.socket]]) -> bool:
        """Write down which ports could not be opened; tell whether one of before is open."""
        https, data = self._settings.https, self._settings.paths.data
        wanted = {"https": https.port, "http": https.plain_port}
        missing = [str(port) for name, port in wanted.items() if port and not listeners.get(name)]
        before = HttpsJournal.read(data)
        replace(before, closed=", ".join(missing), waits=not self.ways).write(data)
        return any(port not in missing for port in before.closed.split(", ") if port)

    def _make_keeper(self) -> Keeper:
        settings = self._settings
        key = AccountKey.kept(settings.paths.secret("https") / "account.key")
        client = AcmeClient(
            self._http, settings.https.directory, key, contact=settings.pds.contact_email
        )

        async def issue(name: str, failures: int) -> tuple[str, str]:
            turn = failures % max(len(self.ways), 1)
            ways = [*self.ways[turn:], *self.ways[:turn]]
            own = new_key()
            chain = await client.certificate([name], request_for([name], own), ways)
            return chain, as_pem(own)

        endings = settings.network.handle_domains
        wanted = Wanted(names_of(settings), endings)
        if any(way.kind == BY_DNS for way in self.ways):
            wanted = Wanted((*wanted.names, *(f"*{ending}" for ending in endings)), ())
        return Keeper(settings.paths.data, self.shelf, wanted, issue, self._is_hosted, self._now)

    async def _is_hosted(self, name: str) -> bool:
        """Ask the PDS whether an account has this handle."""
        address = self._settings.paths.address("pds")
        try:
            answer = await self._http.request(
                "GET", address, path=CHECK, params=[("domain", name)], redirects=0
            )
        except OutboundFailed:
            return False
        return answer.status == 200

    async def _context(self, said: Hello) -> ssl.SSLContext | None:
        """Choose what is shown to whoever says this; nothing while there is nothing."""
        if ACME_TLS.encode("ascii") in said.protocols:
            return self.proofs.context(said.name)
        found = self.shelf.covering(said.name, self._now())
        if found is None and self._keeper is not None:
            await self._keeper.wait_for(said.name)
            found = self.shelf.covering(said.name, self._now())
        if found is None:
            found = self.shelf.get(self._main) or self.shelf.first()
        return None if found is None else found.context


def dns_proofs(settings: Settings) -> Way | None:
    """Give the way by DNS, where the settings name one."""
    https = settings.https
    if not (https.dns_hook or (https.dns_server and https.dns_zone)):
        return None
    # The DNS library is loaded where it is needed.
    from appliance.https.dns_proofs import Change, DnsProofs, Hook, Updates

    change: Change = Hook(Path(https.dns_hook)) if https.dns_hook else Updates(*dns_place(settings))
    return DnsProofs(change, https.dns_wait)


def dns_place(settings: Settings) -> tuple[str, str, str, str]:
    """Give server, zone, and the key with its name, for changes of the DNS."""
    https = settings.https
    key = secret_of(settings, "dns-key") if https.dns_key else ""
    return https.dns_server, https.dns_zone, https.dns_key, key


def secret_of(settings: Settings, name: str) -> str:
    """Give what the owner has put into a file; nothing where there is none that can be read."""
    try:
        return settings.paths.secret(name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def names_of(settings: Settings) -> tuple[str, ...]:
    """Name the hosts of this network that need a certificate."""
    return tuple(
        name
        for name in settings.public_names
        if "." in name and not is_literal(name) and not name.endswith(".localhost")
    )
