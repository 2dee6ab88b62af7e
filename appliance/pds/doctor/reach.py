"""Is this server reached as it should be? From the name to the proxy, one step after the other.

A step that fails ends the look: what lies behind it cannot be seen. At home there is only the
address that apps were given.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from appliance.base.http import HttpClient, OutboundFailed
from appliance.base.lookups import Lookups
from appliance.base.machine import in_url, own_address
from appliance.pds.doctor import clock_checks, dns_checks, hop, tls_checks
from appliance.pds.doctor.domain_checks import DomainChecks
from appliance.pds.doctor.mirror import PATH, Mirror
from appliance.pds.doctor.pinned import pinned
from appliance.pds.doctor.proxy_checks import ProxyChecks
from appliance.pds.doctor.public_place import PublicPlace
from appliance.upkeep.checkup import Finding

CONNECT_SECONDS: Final = 6.0
HOME_SECONDS: Final = 8.0

Note: TypeAlias = Callable[[str], None]


class Reach:
    """Look at the way in from outside."""

    def __init__(
        self, place: PublicPlace, mirror: Mirror, http: HttpClient, now: Callable[[], float]
    ) -> None:
        self.place = place
        self.mirror = mirror
        self.domains = DomainChecks(http, place.registries, now)
        self._http = http
        self._now = now

    async def ask_mirror(self, url: str) -> str:
        """Look at another server's door; say in words how it went."""
        return await hop.ask_mirror(self._http, url)

    async def look(self, handle: str | None, note: Note) -> list[Finding]:
        """Look at everything; `handle` is a member's under a domain of ours, if there is one.

        `note` is told what is being looked at.
        """
        if self.place.kind == "home":
            note("address")
            return await self._at_home()
        if self.place.kind != "public":
            return []
        note("clock")
        found = await clock_checks.look(self.place, self._http, self._now)
        note("names")
        try:
            seen = await dns_checks.look_up(self.place)
        except dns_checks.DnsSilent as problem:
            return [*found, dns_checks.silent(problem)]
        found += dns_checks.findings(self.place, seen)
        if not seen.addresses:
            return found
        note("connection")
        looked = await hop.look(self.place, self.mirror, self._http) if self.place.hop else None
        address, problem_seen = await self._connect(seen.addresses)
        if address is None:
            arrived = looked is not None and looked.arrived
            return [*found, self._closed(seen.addresses, problem_seen, arrived=arrived)]
        outside = None if looked is None else hop.finding(self.place, looked)
        found += [outside] if outside else []
        return found + await self._behind_the_port(address, handle, note)

    async def _behind_the_port(self, address: str, handle: str | None, note: Note) -> list[Finding]:
        found: list[Finding] = []
        name, pin = self.place.hostname, None
        if self.place.is_tls:
            note("certificate")
            try:
                shown = await tls_checks.show(address, self.place.port, name)
            except tls_checks.NotTls as problem:
                return [tls_checks.not_tls(name, problem)]
            except (OSError, TimeoutError) as problem:
                return [self._closed([address], str(problem), arrived=False)]
            pin = shown.pin
            wrong = tls_checks.judge(name, shown, self._now())
            found += [wrong] if wrong else []
            if not wrong and handle:
                found += await self._certificate_of(address, handle)
        note("proxy")
        async with pinned(name, address, pin) as http:
            return found + await ProxyChecks(self.place, self.mirror, http).look()

    async def _certificate_of(self, address: str, handle: str) -> list[Finding]:
        try:
            shown = await tls_checks.show(address, self.place.port, handle)
        except (tls_checks.NotTls, OSError, TimeoutError) as problem:
            refused = tls_checks.not_tls(handle, tls_checks.NotTls(str(problem)))
            return [tls_checks.for_handles(handle, refused)]
        wrong = tls_checks.judge(handle, shown, self._now())
        return [tls_checks.for_handles(handle, wrong)] if wrong else []

    async def _connect(self, addresses: Sequence[str]) -> tuple[str | None, str]:
        """Give the first address that takes a connection, or why none does."""
        problem = ""
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, writer = await asyncio.open_connection(address, self.place.port)
            except TimeoutError:
                problem = f"{address} does not answer"
            except OSError as refused:
                problem = f"{address}: {refused.strerror or refused}"
            else:
                writer.transport.abort()
                return address, ""
        return None, problem

    def _closed(self, addresses: Sequence[str], problem: str, *, arrived: bool) -> Finding:
        port = self.place.port
        if arrived:
            return Finding(
                f"Address {self.place.url}",
                "warn",
                f"it is reached from outside, but not from here ({problem})",
                "to be reached from at home by the same name",
                "many routers do not lead their own public address back: let the router's DNS give"
                f" this computer's address for {self.place.hostname}",
                "hairpin",
            )
        return Finding(
            f"Address {self.place.url}",
            "bad",
            f"port {port} takes no connection at {', '.join(addresses)}: {problem}",
            "an open port that leads to this computer or its proxy",
            f"forward port {port} on the router, and see that the proxy runs; if only those at home"
            " cannot connect, checkup.hop lets somebody outside look",
            "port-closed",
        )

    async def _at_home(self) -> list[Finding]:
        """The address that apps at home were given has to lead to this server."""
        nonce = self.mirror.new()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(HOME_SECONDS):
                found = await Lookups().resolve(self.place.hostname, family=socket.AF_UNSPEC)
                # Apps try each, too: a name may have an address of IPv6 where nobody listens.
                for address in dict.fromkeys(each["host"] for each in found):
                    async with pinned(self.place.hostname, address, None) as http:
                        with contextlib.suppress(OutboundFailed):
                            await http.request("GET", f"{self.place.url}{PATH}{nonce}")
                    if self.mirror.was_asked(nonce):
                        return []
        own = in_url(own_address())
        return [
            Finding(
                f"Address {self.place.url}",
                "bad",
                "it does not lead to this server, so apps at home find nobody",
                f"this computer, which is {own} now",
                "have the router always give this computer the same address, and set the address"
                " anew on the panel's page about how the network is reached",
                "home-address",
            )
        ]
