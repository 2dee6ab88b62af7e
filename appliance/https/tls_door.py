"""The door for HTTPS: reads who is wanted before TLS begins, and shows the certificate for it.

The first message is looked at while it still waits in the socket. So a name whose certificate is
on its way can be waited for, which OpenSSL's own way of telling names cannot, and an authority
that looks (acme-tls/1) never disturbs whoever else asks for that name.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from functools import partial
from typing import Final, TypeAlias

from appliance.atproto.xrpc.limits import address_key
from appliance.base.workers import Workers
from appliance.https import hello
from appliance.https.hello import Hello, NotTls

log = logging.getLogger(__name__)

# Connections whose TLS does not stand yet, together and of one caller; those beyond are hung up on.
MOST_GREETED: Final = 512
MOST_OF_ONE: Final = 64
SECONDS_TO_SPEAK: Final = 10.0
SECONDS_BETWEEN_LOOKS: Final = 0.02
SECONDS_TO_SHAKE_HANDS: Final = 20.0
SECONDS_TO_LEAVE: Final = 2.0

Choose: TypeAlias = Callable[[Hello], Awaitable[ssl.SSLContext | None]]


class _Greeting:
    """A connection until a server has it; `close` leaves one alone that was given."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._is_given = False

    @property
    def is_over(self) -> bool:
        return self.connection.fileno() < 0

    def give(self) -> socket.socket:
        """Give the connection away, for good or ill."""
        self._is_given = True
        return self.connection

    def close(self) -> None:
        if not self._is_given:
            self.connection.close()


class TlsDoor:
    """Gives connections to a server of HTTP (`protocol` makes what serves one) once TLS stands."""

    def __init__(
        self, protocol: Callable[[], asyncio.Protocol], choose: Choose, workers: Workers
    ) -> None:
        self._protocol = protocol
        self._choose = choose
        self._workers = workers
        self._greeted: Counter[str] = Counter()

    async def serve(self, listener: socket.socket) -> None:
        """Take connections until cancelled."""
        while True:
            await _readable(listener)
            # From here to the worker nothing is awaited: what is taken is never dropped.
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                continue
            connection.setblocking(False)
            caller = address_key(address[0])
            if self._greeted.total() >= MOST_GREETED or self._greeted[caller] >= MOST_OF_ONE:
                connection.close()
                continue
            self._greeted[caller] += 1
            greeting = _Greeting(connection)
            self._workers.start(
                "greeting",
                partial(self._greet, greeting),
                partial(self._part, greeting, caller),
            )

    def _part(self, greeting: _Greeting, caller: str) -> None:
        """Let go, also of whom no greeting began for: everything stopped at that moment."""
        greeting.close()
        self._greeted[caller] -= 1
        if not self._greeted[caller]:
            del self._greeted[caller]

    async def _greet(self, greeting: _Greeting) -> None:
        if greeting.is_over:  # it failed before, in a way that nobody foresaw
            return
        with suppress(OSError, NotTls, TimeoutError), closing(greeting):
            async with asyncio.timeout(SECONDS_TO_SPEAK):
                said = await _heard(greeting.connection)
            context = await self._choose(said)
            if context is not None:
                await asyncio.get_running_loop().connect_accepted_socket(
                    self._protocol,
                    greeting.give(),
                    ssl=context,
                    ssl_handshake_timeout=SECONDS_TO_SHAKE_HANDS,
                    ssl_shutdown_timeout=SECONDS_TO_LEAVE,
                )


async def _heard(connection: socket.socket) -> Hello:
    """Read the hello and leave it where it is. Raises NotTls, OSError."""
    while True:
        await _readable(connection)
        raw = connection.recv(hello.MOST_BYTES + 1, socket.MSG_PEEK)
        if not raw:
            raise ConnectionResetError("it hung up")
        said = hello.read(raw)
        if said is not None:
            return said
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    something = loop.create_future()

    def came() -> None:
        if not something.done():
            something.set_result(None)

    loop.add_reader(connection, came)
    try:
        await something
    finally:
        loop.remove_reader(connection)
