"""Addresses of names, asked of this machine in threads that nobody has to wait for.

The C library's lookup cannot be ended. Where the servers for names take questions and say nothing,
as behind a router that has lost the internet, each keeps its thread for ten seconds and more: so
these threads are no pool's, they do no other work, and the process ends without them.
"""

import asyncio
import socket
from typing import Final, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from appliance.base.apart import apart

MOST_AT_ONCE: Final = 8
LONGEST_SECONDS: Final = 10.0
_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_AS_NUMBERS: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
_Found: TypeAlias = list[ResolveResult]


class Lookups(AbstractResolver):
    """Asks as every program here does, so files and names on the local network count, too."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the addresses of a name. Raises OSError: there are none, or nobody says so."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await self._ask(host, port, family)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no server for names has answered") from None

    async def close(self) -> None:
        """Nothing is to be closed: a lookup that goes on holds nobody up."""

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> _Found:
        await self._free.acquire()
        try:
            asked = apart("lookup", lambda: _look_up(host, port, family))
        except RuntimeError as full:  # no thread can be had: others end, and the next one can
            self._free.release()
            raise socket.gaierror(socket.EAI_AGAIN, str(full)) from full
        asked.add_done_callback(self._is_over)
        # Who gives up leaves the thread where it is.
        return await asyncio.shield(asked)

    def _is_over(self, asked: "asyncio.Future[_Found]") -> None:
        self._free.release()
        asked.exception()  # somebody has seen it


def _look_up(host: str, port: int, family: socket.AddressFamily) -> _Found:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            # Written with its network card, where it is that one's alone.
            host=socket.getnameinfo(address, _AS_NUMBERS)[0],
            port=port,
            family=kind,
            proto=proto,
            flags=_NUMERIC,
        )
        for kind, _, proto, _, address in found
    ]
