"""Who is connected from outside: so many of one address, so many in all; each soon says why.

A connection costs its caller nothing, and us a file descriptor, of which there are as few as 1,024.
Whoever could take them all would end the whole network, the databases too. Those who come through a
proxy are its connections; how many there may be is its own affair.

What is on its way to somebody is held here until it is taken, so who takes next to nothing of it
for long is hung up on as well; and where all together have too much waiting, whoever has had much
for the longest.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, cast

from appliance.atproto.xrpc.limits import address_key
from appliance.base.machine import is_near

DESCRIPTORS: Final = 65_536
MOST_OF_ONE: Final = 512
# Of the descriptors that this process may have; files, roles and ways out need the rest.
SHARE: Final = 0.75
SHARE_OF_ONE: Final = 0.25
# Until the head of the first request is whole.
SECONDS_TO_ASK: Final = 30.0
# While more is to be sent than fits in the socket: at least so many bytes in so long.
SECONDS_TO_TAKE: Final = 60.0
LEAST_TAKEN: Final = 48_000
# Bytes that wait for those who cannot take them at once, of all together.
MOST_WAITING: Final = 128_000_000
_END_OF_HEAD: Final = b"\r\n\r\n"

Protocols = Callable[[], asyncio.Protocol]


def take_descriptors() -> None:
    """Have as many as this process may, where it was given fewer to begin with."""
    given, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if allowed == resource.RLIM_INFINITY else min(DESCRIPTORS, allowed)
    if given < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))


class Guests:
    """All connections at the doors of this process."""

    def __init__(self, proxies: int, descriptors: int = 0) -> None:
        """`proxies`: how many stand before this server; `descriptors`: how many there may be."""
        descriptors = descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._all = 0
        self._most = int(descriptors * SHARE)
        self._most_of_one = min(MOST_OF_ONE, int(descriptors * SHARE_OF_ONE))
        self._behind_proxies = proxies > 0
        self._here: Counter[str] = Counter()
        # What waited for whom when their socket was full.
        self._waiting: dict[_Guest, int] = {}
        self._waits = 0

    def at(self, protocols: Protocols) -> Protocols:
        """Make protocols whose connections are counted."""
        return lambda: _Guest(self, protocols())

    def come(self, address: str) -> str | None:
        """Count who comes; None where there are too many. What is given is what leaves."""
        key = address_key(address)
        if self._all >= self._most:
            return None
        if self._here[key] >= self._most_of_one and not self._is_a_proxy(address):
            return None
        self._here[key] += 1
        self._all += 1
        return key

    def leave(self, key: str) -> None:
        self._all -= 1
        self._here[key] -= 1
        if not self._here[key]:
            del self._here[key]

    def hold(self, guest: "_Guest", size: int) -> None:
        """Note what waits for somebody; where all have too much, hang up on who has had it longest.

        Who takes what is sent is full for moments, so those who came before and take nothing go.
        """
        self.release(guest)
        self._waiting[guest] = size
        self._waits += size
        if self._waits <= MOST_WAITING:
            return
        # Some of it was taken since.
        self._waiting = {one: one.waits() for one in self._waiting}
        self._waits = sum(self._waiting.values())
        while self._waits > MOST_WAITING:
            fair = self._waits / len(self._waiting)
            oldest = next(one for one, size in self._waiting.items() if size >= fair / 2)
            self.release(oldest)
            oldest.hang_up()

    def release(self, guest: "_Guest") -> None:
        """Forget what waited: it was taken, or they have gone."""
        self._waits -= self._waiting.pop(guest, 0)

    def _is_a_proxy(self, address: str) -> bool:
        """Tell whether others may come by this address: tunnels and proxies are near."""
        if self._behind_proxies:
            return is_near(address)
        try:
            return ip_address(address).is_loopback
        except ValueError:
            return False


class _Guest(asyncio.Protocol):
    """One connection, passed on to what serves it."""

    def __init__(self, guests: Guests, behind: asyncio.Protocol) -> None:
        self._guests = guests
        self._behind = behind
        self._key: str | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        self._look: asyncio.TimerHandle | None = None
        self._is_full = False
        self._was_emptied = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._key = self._guests.come(str(peer[0]) if peer else "")
        if self._key is None:
            cast(asyncio.Transport, transport).abort()
            return
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(SECONDS_TO_ASK, self._transport.abort)
        self._behind.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._key is None:
            return
        self._guests.leave(self._key)
        self._guests.release(self)
        self._listen_on()
        if self._look is not None:
            self._look.cancel()
        self._behind.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._key is None:
            return
        if self._patience is not None:
            self._heard = self._heard[1 - len(_END_OF_HEAD) :] + data
            if _END_OF_HEAD in self._heard:
                self._listen_on()
        self._behind.data_received(data)

    def eof_received(self) -> bool | None:
        return self._behind.eof_received() if self._key is not None else None

    def waits(self) -> int:
        """Say how much is to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._is_full = True
        self._guests.hold(self, self.waits())
        if self._look is None:
            self._watch()
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._is_full, self._was_emptied = False, True
        self._guests.release(self)
        self._behind.resume_writing()

    def _watch(self) -> None:
        """Look in a while how much was taken of what waits now."""
        assert self._transport is not None  # noqa: S101
        self._was_emptied = False
        loop, waits = asyncio.get_running_loop(), self._transport.get_write_buffer_size()
        self._look = loop.call_later(SECONDS_TO_TAKE, self._judge, self._transport, waits)

    def _judge(self, transport: asyncio.Transport, before: int) -> None:
        self._look = None
        if not self._is_full:
            return
        if not self._was_emptied and before - transport.get_write_buffer_size() < LEAST_TAKEN:
            transport.abort()
        else:
            self._watch()

    def _listen_on(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience, self._heard = None, b""
