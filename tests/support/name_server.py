"""A DNS server on loopback that a test writes records into."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
from aiohttp.abc import AbstractResolver, ResolveResult


class NameServer(asyncio.DatagramProtocol, AbstractResolver):
    """Answers over UDP; it is also the resolver of the HTTP client, which asks it by the wire.

    `records`: name and kind, such as ("*.smiths.family", "A"), to text. A name is looked for as it
    is, then with an asterisk for its first label. `fails` lets it know nothing at all.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], str] = {}
        self.fails = False
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if self._transport is None:
            return
        asked = dns.message.from_wire(data)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        (question,) = asked.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        star = f"*.{name.partition('.')[2]}"
        found = self.records.get((name, kind)) or self.records.get((star, kind))
        if self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found is not None:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, found))
        elif not any(known in (name, star) for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), addr)

    def client(self) -> dns.asyncresolver.Resolver:
        """Make a resolver that asks this server."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        resolver.lifetime = 10.0
        return resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            answer = await self.client().resolve(host, "A", search=False)
        except dns.exception.DNSException as error:
            raise OSError(f"no such name: {host}") from error
        kind = socket.AF_INET
        return [
            ResolveResult(hostname=host, host=str(one), port=port, family=kind, proto=0, flags=0)
            for one in answer
        ]

    async def close(self) -> None:
        """Belongs to the test, which ends it."""


@asynccontextmanager
async def name_server(port: int = 0) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", port)
    )
    try:
        yield server
    finally:
        transport.close()
