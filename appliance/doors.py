"""Applications at sockets: who serves them, and how many callers at once."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from appliance.base.serving import end, shut
from appliance.base.workers import Workers
from appliance.guests import Guests
from appliance.https.hello import Hello
from appliance.https.tls_door import TlsDoor
from appliance.listeners import BACKLOG, send_little_ahead

# Streams are cut after this; requests are answered well before.
SECONDS_TO_FINISH: Final = 1.0
ORDINARY_LINE: Final = 8190


class Doors:
    """All that listens in this process; leaving the stack ends it."""

    def __init__(self, stack: AsyncExitStack, proxies: int) -> None:
        self.stack = stack
        self._guests = Guests(proxies)

    async def run(self, app: web.Application, longest_line: int = ORDINARY_LINE) -> web.AppRunner:
        """Make an application ready for listeners."""
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SECONDS_TO_FINISH,
            # Bodies are unpacked where their size is watched, and passed on as they came.
            auto_decompress=False,
            max_line_size=longest_line,
        )
        await runner.setup()
        self.stack.push_async_callback(end, runner)
        return runner

    def served(self, runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
        """Give what serves a connection, within the bounds that there are for all of them."""
        assert runner.server is not None  # noqa: S101
        return self._guests.at(runner.server)

    async def listen(self, runner: web.AppRunner, listeners: Sequence[socket.socket]) -> None:
        """Serve an application to whoever comes by TCP."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            send_little_ahead(listener)
            server = await loop.create_server(self.served(runner), sock=listener, backlog=BACKLOG)
            self.stack.push_async_callback(shut, server)

    async def listen_at(self, runner: web.AppRunner, path: Path) -> None:
        """Serve an application to whoever comes by a UNIX socket, of which there is none yet."""
        assert runner.server is not None  # noqa: S101
        # A UNIX socket whose line of callers is full refuses the next one at once.
        server = await asyncio.get_running_loop().create_unix_server(
            runner.server, path, backlog=BACKLOG
        )
        self.stack.push_async_callback(shut, server)

    async def greet(
        self, runner: web.AppRunner, listeners: Sequence[socket.socket], context: ssl.SSLContext
    ) -> None:
        """Serve it under TLS; those who only greet are few, and soon gone."""

        async def shown(_hello: Hello) -> ssl.SSLContext:
            return context

        workers = await self.stack.enter_async_context(Workers())
        door = TlsDoor(self.served(runner), shown, workers)
        for listener in listeners:
            listener.setblocking(False)
            send_little_ahead(listener)
            self.stack.callback(listener.close)
            workers.start("houses", partial(door.serve, listener))
