"""Requests in turn: the event loop is never held by all who call at the same moment.

Whatever is ready runs before the loop looks around again, so two hundred requests at once, half a
millisecond each, would keep streams, pings and timers waiting for a tenth of a second. Here a turn
of the loop that has lasted for some milliseconds takes no more; the rest waits in line, and a few
of those begin in each of the next turns.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

LONGEST_TURN: Final = 0.004
# Of those in line, so many begin in one turn: fewer would be more turns, which cost something too.
FROM_THE_LINE: Final = 4


class Pace:
    """The line before the work of one event loop, and who may go on without standing in it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._line: deque[asyncio.Future[None]] = deque()
        # When the turn that goes on is full; None if nobody came in it yet.
        self._full_at: float | None = None
        self._is_next_called = False

    def is_full(self) -> bool:
        """Tell whether whoever comes now is to `wait`."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        if self._line:
            return True
        now = self._clock()
        if self._full_at is None:
            self._full_at = now + LONGEST_TURN
            self._call_next(loop)
        return now >= self._full_at

    async def wait(self) -> None:
        """Stand in line until it is one's turn."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._line.append(future)
        self._call_next(loop)
        await future

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin anew on this loop; the one before has ended, with all who waited."""
        self._loop, self._full_at, self._is_next_called = loop, None, False
        self._line.clear()

    def _call_next(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_next_called:
            self._is_next_called = True
            loop.call_soon(self._next_turn, loop)

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the first in line go on; they run in the turn after this."""
        self._full_at, self._is_next_called = None, False
        left = FROM_THE_LINE
        while self._line and left:
            future = self._line.popleft()
            if not future.done():  # else they gave up
                future.set_result(None)
                left -= 1
        if self._line:
            self._call_next(loop)


# An event loop is one for all the roles of a process, and so is the time of its turns.
PACE: Final = Pace()
