"""Where the server's name and those of handles lead, as the DNS tells strangers."""

import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from appliance.base.machine import is_near
from appliance.pds.doctor.public_place import PublicPlace
from appliance.upkeep.checkup import Finding

SECONDS: Final = 5.0
DNS_PORT: Final = 53

# From a name and a kind of record to what the DNS says.
Lookup: TypeAlias = Callable[[str, str], Awaitable[Sequence[str]]]


class DnsSilent(Exception):
    """The name servers do not answer."""


@dataclass(frozen=True)
class NamesSeen:
    """Where the server's name leads, and a name below that nobody has chosen, by domain."""

    addresses: Sequence[str]
    below: dict[str, Sequence[str]]


async def look_up(place: PublicPlace) -> NamesSeen:
    """Ask for all names. Raises DnsSilent."""
    lookup = _lookup(place.resolvers)
    below = {}
    addresses = await _addresses_of(lookup, place.hostname)
    for domain in place.domains:
        below[domain] = await _addresses_of(lookup, f"h{secrets.token_hex(4)}{domain}")
    return NamesSeen(addresses, below)


async def _addresses_of(lookup: Lookup, name: str) -> Sequence[str]:
    """Give the addresses a name leads to; none where there are none. Raises DnsSilent."""
    found = list(await lookup(name, "A"))
    try:
        return [*found, *await lookup(name, "AAAA")]
    except DnsSilent:
        if not found:
            raise
        return found


def findings(place: PublicPlace, seen: NamesSeen) -> Iterator[Finding]:
    """Say what is wrong with where the names lead."""
    name = place.hostname
    if not seen.addresses:
        yield Finding(
            f"Name {name}",
            "bad",
            "the DNS knows no address for it",
            "an A or AAAA record with the address at which your router or server is reached",
            f"add that record for {name} where the domain is managed; it may take an hour",
            "dns-name",
        )
        return
    if not place.at_home and all(is_near(each) for each in seen.addresses):
        yield Finding(
            f"Name {name}",
            "warn",
            f"it leads to {', '.join(seen.addresses)}, which only this network at home can reach",
            "an address of the open internet",
            "put the router's public address into the DNS; if a resolver at home answers so on"
            " purpose, name one of the open internet in checkup.resolvers",
            "dns-near",
        )
        return
    for domain, addresses in seen.below.items():
        if not set(addresses) & set(seen.addresses):
            leads = f"lead to {', '.join(addresses)}" if addresses else "lead nowhere"
            yield Finding(
                f"Names *{domain}",
                "bad",
                f"they {leads}, so members' handles are shown as invalid",
                f"the addresses of {name}: {', '.join(seen.addresses)}",
                f"add a wildcard record *{domain} beside that of {name}",
                "dns-wildcard",
            )


def silent(problem: DnsSilent) -> Finding:
    """What to say when no name server answers."""
    return Finding(
        "DNS",
        "bad",
        f"no name server answers: {problem}",
        "an answer within five seconds",
        "see that the internet is there, and checkup.resolvers or the router's DNS is right",
        "dns-name",
    )


def _lookup(chosen: Sequence[str]) -> Lookup:
    """Make a way to ask those that were chosen, or those of this computer."""
    from dns import asyncresolver, exception, resolver  # only now: 40 ms nobody else needs

    asking = asyncresolver.Resolver(configure=not chosen)
    if chosen:
        servers = [_parted(each) for each in chosen]
        asking.nameservers = [address for address, _ in servers]
        asking.nameserver_ports = dict(servers)
    asking.lifetime = SECONDS

    async def lookup(name: str, kind: str) -> Sequence[str]:
        try:
            return [str(record) for record in await asking.resolve(name, kind, search=False)]
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return ()
        except exception.DNSException as failure:
            raise DnsSilent(f"{type(failure).__name__}: {failure}"[:200]) from failure

    return lookup


def _parted(server: str) -> tuple[str, int]:
    """Part "192.0.2.1:5353" or "[2001:db8::1]:53"; the port may be left out."""
    if server.count(":") > 1 and not server.startswith("["):
        return server, DNS_PORT
    address, _, port = server.partition("]:") if server.startswith("[") else server.partition(":")
    return address.strip("[]"), int(port or DNS_PORT)
