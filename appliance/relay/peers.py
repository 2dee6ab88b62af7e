"""Machines nearby that the owner has paired: a name, an address, and the key they show.

The relay alone goes to them, to follow their streams; whatever else is asked of the world goes to
public addresses only. The certificate is known by its fingerprint, since nobody signs one for a
name at home; so nobody else on the network at home can pose as the machine.
"""

import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult

from appliance.base.addresses import OutboundFailed, OutboundPolicy
from appliance.base.http import HttpClient
from appliance.relay.policy import Named


@dataclass(frozen=True, slots=True)
class Peer:
    """One paired machine. `named` has its port, if that is not the usual one."""

    named: Named
    address: str
    fingerprint: bytes

    @property
    def name(self) -> str:
        """Its name without a port."""
        return self.named.hostname.partition(":")[0]


def read_peer(text: str) -> Peer:
    """Read a setting whose form is checked: name, address and fingerprint."""
    hostname, address, key = text.split(" ")
    fingerprint = bytes.fromhex(key.removeprefix("sha256:"))
    return Peer(Named(hostname, f"https://{hostname}"), address, fingerprint)


def peers_client(peers: Sequence[Peer]) -> AbstractAsyncContextManager[HttpClient]:
    """Make the client that reaches these machines by their addresses."""
    policy = OutboundPolicy(
        lan_peers={peer.name: frozenset({peer.address}) for peer in peers},
        pins={peer.name: peer.fingerprint for peer in peers},
    )
    return HttpClient.open(policy, _Paired({peer.name: peer.address for peer in peers}))


class _Paired(AbstractResolver):
    """Knows the names of paired machines, and no others."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._addresses.get(host)
        if address is None:
            raise OutboundFailed(f"{host} is not paired")
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self) -> None:
        """Nothing to be closed."""
