"""A client for one place: the name leads where it was seen to, whatever certificate is there."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.abc import AbstractResolver, ResolveResult

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient


class _Fixed(AbstractResolver):
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def pinned(name: str, address: str, pin: bytes | None) -> AsyncIterator[HttpClient]:
    """Open a client that reaches one name at one address, by the certificate with this SHA-256.

    The address may be at home: it is that of our own door, which settings name.
    """
    pins = {} if pin is None else {name: pin}
    policy = OutboundPolicy(lan_peers={name: frozenset({address})}, pins=pins)
    async with HttpClient.open(policy, _Fixed(address)) as http:
        yield http
