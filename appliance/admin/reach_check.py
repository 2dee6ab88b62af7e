"""Look whether the network is reached as the owner wants it: what was seen, what to do about it."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from appliance.admin.clients import Roles
from appliance.base.lookups import Lookups
from appliance.base.machine import own_address, own_names
from appliance.base.strings import Strings
from appliance.settings import Settings
from appliance.upkeep.checkup import Finding
from appliance.upkeep.https_checks import check_https, check_idle_ports

Lookup: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
SECONDS: Final = 6.0


async def addresses_of(name: str) -> Sequence[str]:
    """Ask the resolver of this machine; no addresses when it knows none."""
    try:
        async with asyncio.timeout(SECONDS):
            found = await Lookups().resolve(name, family=socket.AF_UNSPEC)
    except (OSError, TimeoutError):
        return ()
    return sorted({each["host"] for each in found})


class ReachCheck:
    """The checks of the wizard that take no time. `lookup` asks for the addresses of a name."""

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        strings: Strings,
        lookup: Lookup,
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._strings = strings
        self._lookup = lookup

    async def look(self) -> list[Finding]:
        """Look at what can be seen from here; the way in to a public name is the doctor's."""
        found = [await self._roles_answer()]
        if self._settings.network.mode == "home":
            found.append(await self._address_is_ours())
        own = self._settings
        found += check_https(own.paths.data, time.time(), mode=own.https.mode)
        found += check_idle_ports(own.paths.data, (port for _, port in own.places.values()))
        return found

    async def _roles_answer(self) -> Finding:
        reports = await self._roles.reports()
        silent = [one.name for one in reports if one.status is None]
        if silent:
            return self._finding("silent", "bad", names=self._named(silent))
        return self._finding("roles", "good", count=len(reports))

    async def _address_is_ours(self) -> Finding:
        """At home: the address that apps are given has to be this machine's, and its door's."""
        parts = urlsplit(self._settings.pds.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        own = own_address()
        given = {"address": self._settings.pds.url, "own": own, "port": self._settings.door.port}
        if host in LOOPBACK:
            return self._finding("loopback", "warn", **given)
        means = [host] if host == own else await self._lookup(host)
        if own not in means and host not in own_names():
            seen = ", ".join(means) or "–"
            return self._finding("other_address", "warn", **given, means=seen)
        if port != self._settings.door.port:
            return self._finding("other_port", "warn", **given)
        return self._finding("address", "good", **given)

    def _named(self, roles: Iterable[str]) -> str:
        return ", ".join(self._strings(f"roles.{name}") for name in roles)

    def _finding(self, kind: str, level: Any, **values: Any) -> Finding:
        def words(part: str) -> str:
            name = f"reach_check.{kind}_{part}"
            return self._strings(name, **values) if self._strings.has(name) else ""

        return Finding(words("title"), level, words("seen"), words("expected"), words("remedy"))
