"""Servers of HTTP and how they end: nobody who came in at the last moment is left behind."""

import asyncio
from typing import Final

from aiohttp import web

# A connection is known to its server two turns of the loop after it was taken.
TURNS_TO_COME_IN: Final = 4


async def shut(server: asyncio.Server) -> None:
    """Take nobody in any more, and close once those who were taken are in.

    Closed at once, a server of asyncio drops, with its socket open, whom it took in that turn.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
        await _turns()
    server.close()


async def end(runner: web.AppRunner) -> None:
    """End an application whose servers are shut, with all of its connections.

    `cleanup` waits for one turn alone: who was taken in that one would stay for ever, unheard.
    """
    await _turns()
    await runner.cleanup()


async def _turns() -> None:
    for _ in range(TURNS_TO_COME_IN):
        await asyncio.sleep(0)
