"""Multicast DNS: this house tells the network at home where it is, and hears who else is there.

The library is loaded when it is needed first. What strangers send is kept small: names are read
only when they are whole, a few at a time, and when the library's own memory fills up, everything
is forgotten and begun anew after a pause. Only interfaces whose every address is private take part.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any, Final

from appliance.base.machine import is_near, numbered
from appliance.neighbours.hearing import Hearing
from appliance.neighbours.sightings import Sightings

log = logging.getLogger(__name__)

HEARTH: Final = "_hearth._tcp.local."
HTTP: Final = "_http._tcp.local."
VERSION: Final = "1"
LOOK_SECONDS: Final = 0.5
SHORT_LOOK_SECONDS: Final = 0.1
INTERFACES_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 10.0
MOST_RECORDS: Final = 1000
MOST_PENDING: Final = 256
MOST_ADDRESSES: Final = 4
BATCH: Final = 10
SHOWN_OF_KEY: Final = 8
MOST_TXT_BYTES: Final = 400
PROBE_MS: Final = 600
ASK_MS: Final = 500
_VIRTUAL: Final = ("docker", "br-", "virbr", "lxc", "lxd", "cni", "podman", "tailscale", "wg")


@dataclass(frozen=True)
class Notice:
    """What is announced: the network's name, NAME of NAME.local, its DID and key, its ports."""

    title: str
    host: str
    did: str
    key: str
    peer_port: int
    web_port: int


class Announcer:
    """Tells and listens for as long as it runs. `names`: under which names, once it does."""

    def __init__(self, notice: Notice, sightings: Sightings) -> None:
        self._notice = notice
        self._sightings = sightings
        self._links: list[IPv4Interface] = []
        self._pending: OrderedDict[str, None] = OrderedDict()
        self._keys: OrderedDict[str, str] = OrderedDict()
        self.names: list[str] = []
        self.restarts = 0
        self.hearing = Hearing(time.perf_counter)

    async def run(self) -> None:
        """Announce on the private interfaces there are; a worker, for ever."""
        while True:
            self._links = private_links()
            if not self._links:
                await asyncio.sleep(INTERFACES_SECONDS)
                continue
            try:
                flooded = await self._take_part([str(each.ip) for each in self._links])
            finally:
                self.names = []
                self._pending.clear()
                self._keys.clear()
            if flooded:
                self.restarts += 1
                log.warning("so much was said by multicast that all of it is forgotten")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _take_part(self, addresses: list[str]) -> bool:
        """Take part until the addresses change, or too much was said: then True."""
        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

        zc = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        try:
            await zc.zeroconf.async_wait_for_start()
            for reader in zc.zeroconf.engine.readers:
                self.hearing.stand_before(reader.transport)
            await self._register(zc, addresses)
            browser = AsyncServiceBrowser(zc.zeroconf, HEARTH, handlers=[self._changed])
            try:
                return await self._listen(zc.zeroconf, addresses)
            finally:
                await browser.async_cancel()
        finally:
            # Says farewell for each name, and closes the sockets.
            await zc.async_close()

    async def _listen(self, zc: Any, addresses: list[str]) -> bool:
        loop = asyncio.get_running_loop()
        look_again = loop.time() + INTERFACES_SECONDS
        while True:
            await asyncio.sleep(SHORT_LOOK_SECONDS if self._pending else LOOK_SECONDS)
            # Whoever answers at once is read before a flood is noticed.
            missing = self._read_some(zc)
            if _records_in(zc) > MOST_RECORDS:
                return True
            await asyncio.gather(*(self._ask(zc, name) for name in missing))
            if loop.time() > look_again:
                look_again = loop.time() + INTERFACES_SECONDS
                if private_links() != self._links or self._is_disputed(zc, addresses):
                    return False

    async def _register(self, zc: Any, addresses: list[str]) -> None:
        """Take names that nobody else has, and announce."""
        from zeroconf import NonUniqueNameException
        from zeroconf.asyncio import AsyncServiceInfo

        notice = self._notice
        host = await self._free_host(zc.zeroconf, addresses)
        packed = [IPv4Address(address).packed for address in addresses]
        txt = {"v": VERSION, "did": notice.did, "key": notice.key}
        announced = [(HEARTH, notice.peer_port, txt)]
        if notice.web_port:
            announced.append((HTTP, notice.web_port, {"path": "/"}))
        # Houses of one name are two; whoever takes ours by chance takes nothing from us.
        titles = {HEARTH: _own_label(notice.title, notice.key), HTTP: _label(notice.title)}
        names = [f"{host}.local"]
        for kind, port, properties in announced:
            info = AsyncServiceInfo(
                kind,
                f"{titles[kind]}.{kind}",
                port=port,
                properties=properties,
                server=f"{host}.local.",
                addresses=packed,
            )
            with suppress(NonUniqueNameException):
                # It becomes "Smiths-2" where there are Smiths already.
                await zc.async_register_service(info, allow_name_change=True)
                names.append(info.name.removesuffix("." + kind) + "." + kind.rstrip("."))
        self.names = names

    async def _free_host(self, zc: Any, addresses: list[str]) -> str:
        """Find a name to be reached by which stands for no other machine."""
        for host in numbered(self._notice.host):
            others = await _addresses_of(zc, f"{host}.local.")
            if others <= set(addresses):
                return host
        # Somebody has taken them all; neighbours find us all the same.
        return f"{self._notice.host}-{self._notice.key[:8]}"

    def _is_disputed(self, zc: Any, addresses: list[str]) -> bool:
        """Tell whether another machine has our name too, and is to keep it: the lower address."""
        others = {each for each in _cached_addresses(zc, f"{self.names[0]}.") if is_near(each)}
        strangers = sorted(ip_address(each).packed for each in others - set(addresses))
        own = min(ip_address(each).packed for each in addresses)
        return bool(strangers) and strangers[0] < own

    def _changed(self, **told: Any) -> None:
        """Hear of a service that came, changed or went."""
        name = str(told["name"])
        if told["state_change"].name == "Removed":
            key = self._keys.pop(name, None)
            if key is not None:
                self._sightings.lost(key)
        elif len(self._pending) < MOST_PENDING:
            # Read in its turn: one packet may change a thousand services at once.
            self._pending[name] = None

    def _read_some(self, zc: Any) -> list[str]:
        """Read services that wait; give those of which something is missing."""
        count = min(BATCH, len(self._pending))
        names = [self._pending.popitem(last=False)[0] for _ in range(count)]
        return [name for name in names if not self._read(zc, name)]

    async def _ask(self, zc: Any, name: str) -> None:
        info = _service(name)
        if info is not None and await info.async_request(zc, ASK_MS):
            self._read(zc, name)

    def _read(self, zc: Any, name: str) -> bool:
        """Take what is known of a service, if that is all of it."""
        info = _service(name)
        if info is None:
            return True
        whole = bool(info.load_from_cache(zc))
        if not whole or not info.text or not info.port:
            return False
        if len(info.text) > MOST_TXT_BYTES:
            return True
        told = {key: value or "" for key, value in info.decoded_properties.items()}
        title = _without_key(name.removesuffix("." + HEARTH), told.get("key", ""))
        for address in info.parsed_addresses()[:MOST_ADDRESSES]:
            if self._is_on_link(address) and self._sightings.saw(
                told.get("key", ""), title, told.get("did", ""), address, info.port
            ):
                self._remember(name, told["key"])
                break
        return True

    def _is_on_link(self, address: str) -> bool:
        """Tell whether an address is of a network that we are on: nobody else is next door."""
        found = ip_address(address.partition("%")[0])
        return any(found in link.network for link in self._links if found.version == 4)

    def _remember(self, name: str, key: str) -> None:
        self._keys[name] = key
        if len(self._keys) > MOST_PENDING:
            self._keys.popitem(last=False)


def private_links() -> list[IPv4Interface]:
    """List our addresses, with their networks, on interfaces that lead no further than home."""
    import ifaddr

    found: list[IPv4Interface] = []
    for adapter in ifaddr.get_adapters():
        own = [(each.ip, each.network_prefix) for each in adapter.ips if isinstance(each.ip, str)]
        is_home = all(is_near(ip) and not ip.startswith("127.") for ip, _ in own)
        if is_home and not adapter.nice_name.startswith(_VIRTUAL):
            found += [IPv4Interface(f"{ip}/{prefix}") for ip, prefix in own]
    return sorted(found)


def _label(title: str) -> str:
    """Fit a title into one label: 63 bytes, with room for a number, and no dots."""
    words = " ".join(title.replace(".", " ").split()) or "Hearth"
    return words.encode()[:48].decode("utf-8", "ignore").strip() or "Hearth"


async def _addresses_of(zc: Any, host: str) -> set[str]:
    """Ask who goes by a name; those who answer in time."""
    from zeroconf._services.info import AddressResolverIPv4

    resolver = AddressResolverIPv4(host)
    found = await resolver.async_request(zc, PROBE_MS)
    return set(resolver.parsed_addresses()) if found else set()


def _cached_addresses(zc: Any, host: str) -> set[str]:
    from zeroconf.const import _CLASS_IN, _TYPE_A

    records = zc.cache.get_all_by_details(host, _TYPE_A, _CLASS_IN)
    return {str(IPv4Address(record.address)) for record in records if len(record.address) == 4}


def _own_label(title: str, key: str) -> str:
    """Make the label that nobody else has by chance."""
    return f"{_label(title)} {key[:SHOWN_OF_KEY]}"


def _without_key(label: str, key: str) -> str:
    """Give the title that such a label was made of."""
    title, blank, shown = label.rpartition(" ")
    return title if blank and shown[:SHOWN_OF_KEY] == key[:SHOWN_OF_KEY] else label


def _service(name: str) -> Any:
    """Make what reads a service of ours; None for a name that none can have."""
    from zeroconf import BadTypeInNameException
    from zeroconf.asyncio import AsyncServiceInfo

    try:
        return AsyncServiceInfo(HEARTH, name)
    except (BadTypeInNameException, ValueError):
        return None


def _records_in(zc: Any) -> int:
    return sum(len(records) for records in zc.cache.cache.values())
