"""How much is listened to: of the loop's time, so much a second for all, and less for each address.

What comes over that is dropped unread: multicast DNS says everything again, and a flood must not
keep a network from its members.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

# Seconds of listening in each second.
SHARE: Final = 0.2
SHARE_OF_ONE: Final = 0.05
MOST_ADDRESSES: Final = 256


class Hearing:
    """The time that is left in this second, together and by address."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = -1
        self._spent = 0.0
        self._by_address: dict[str, float] = {}
        self.dropped = 0

    def hear(self, address: str, listen: Callable[[], None]) -> None:
        """Listen to somebody at this address, if there is time for it."""
        began = self._now()
        if int(began) != self._second:
            self._second, self._spent = int(began), 0.0
            self._by_address.clear()
        own = self._by_address.get(address)
        is_known = own is not None or len(self._by_address) < MOST_ADDRESSES
        if self._spent >= SHARE or (own or 0.0) >= SHARE_OF_ONE or not is_known:
            self.dropped += 1
            return
        listen()
        took = self._now() - began
        self._spent += took
        self._by_address[address] = (own or 0.0) + took

    def stand_before(self, transport: Any) -> None:
        """Hear what comes in at a transport before whoever listens there now."""
        transport.set_protocol(_Ear(transport.get_protocol(), self))


class _Ear(asyncio.DatagramProtocol):
    """Passes packets on that are heard, and everything else."""

    def __init__(self, behind: asyncio.DatagramProtocol, hearing: Hearing) -> None:
        self._behind = behind
        self._hearing = hearing

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._hearing.hear(str(addr[0]), lambda: self._behind.datagram_received(data, addr))

    def error_received(self, exc: Exception) -> None:
        self._behind.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)
