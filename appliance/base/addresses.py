"""Where outbound requests may go.

Judged by the address that is dialled, not by the name: names lie, and `ipaddress.is_global` lets
through several ways into a private network (NAT64, 6to4, multicast).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

from yarl import URL

Address: TypeAlias = IPv4Address | IPv6Address

_CLOSED_V4: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_OPEN_V6: Final = ip_network("2000::/3")
# Inside the open range: Teredo and its neighbours, documentation (two ranges), 6to4.
_CLOSED_V6: Final = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9-]{1,63}", re.A)
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*", re.A)
_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class OutboundFailed(OSError):
    """A request to the outside did not get a usable answer."""

    xrpc_name: Final = "UpstreamFailure"


class OutboundRefused(OutboundFailed):
    """A request was not sent, since it may not go where it was to go."""


@dataclass(frozen=True)
class OutboundPolicy:
    """What a client may reach besides public addresses over https.

    `allow_loopback` is for development: this machine, by http, on any port. `lan_peers` maps the
    names of machines an owner has paired to their addresses. `pins` maps names to the SHA-256 of
    the certificate with which they have to show themselves, whoever has signed it.
    """

    allow_loopback: bool = False
    lan_peers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pins: Mapping[str, bytes] = field(default_factory=dict)

    def allows(self, address: str) -> bool:
        """Tell whether a connection to this numeric address may be opened."""
        parsed = parse_address(address)
        if parsed is None:
            return False
        if self.allow_loopback and parsed.is_loopback:
            return True
        return is_public(parsed) or any(address in peer for peer in self.lan_peers.values())

    def allows_for(self, host: str, address: str) -> bool:
        """Tell whether this name may stand for this numeric address."""
        parsed = parse_address(address)
        if parsed is None:
            return False
        if is_public(parsed) or (self.allow_loopback and parsed.is_loopback):
            return True
        return address in self.lan_peers.get(host, frozenset())

    def checked(self, url: str) -> URL:
        """Parse a URL that may come from anybody. Raises OutboundRefused."""
        try:
            parsed = URL(url)
            port = parsed.port
        except (ValueError, TypeError) as error:
            raise OutboundRefused(f"not a URL: {error}") from error
        host, scheme = parsed.raw_host or "", parsed.scheme
        if parsed.user is not None or parsed.password is not None:
            raise OutboundRefused("URL names a user")
        if scheme not in _PORTS or not _is_host(host):
            raise OutboundRefused("URL has no usable scheme and host")
        paired = host in self.lan_peers
        if not (self.allow_loopback or paired) and scheme not in ("https", "wss"):
            raise OutboundRefused("URL is not https")
        if not (self.allow_loopback or paired) and port != _PORTS[scheme]:
            raise OutboundRefused("URL names a port of its own")
        address = parse_address(host)
        if address is not None and not self.allows_for(host, str(address)):
            raise OutboundRefused("URL names an address that is not public")
        return parsed


def parse_address(text: str) -> Address | None:
    """Read a numeric address; an IPv4 address written as IPv6 is the IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the open internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def _is_host(host: str) -> bool:
    """Tell whether this is a plain DNS name or a canonical address: no trailing dot, no 0x7f.1."""
    if parse_address(host) is not None:
        return True
    last = host.rpartition(".")[2]
    return bool(_HOST.fullmatch(host)) and len(host) <= 253 and not _NUMBER.fullmatch(last)
