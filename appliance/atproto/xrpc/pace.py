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
# Of those in line, so many are called for one turn; who then finds it full waits for the next.
FROM_THE_LINE: Final = 8


class Pace:
    """The line before the work of one event loop, and who may go on without standing in it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._line: deque[asyncio.Future[None]] = deque()
        # Called, but the turn was full: before all others in the next.
        self._first: deque[asyncio.Future[None]] = deque()
        self._called = 0
        # When the turn that goes on is full; None if nobody came in it yet.
        self._full_at: float | None = None
        self._is_next_due = False

    def is_full(self) -> bool:
        """Tell whether whoever comes now is to `wait`."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        return bool(self._line or self._first or self._called) or self._is_over(loop)

    async def wait(self) -> None:
        """Stand in line until it is one's turn."""
        loop = asyncio.get_running_loop()
        line = self._line
        while True:
            future: asyncio.Future[None] = loop.create_future()
            line.append(future)
            self._call_next(loop)
            try:
                await future
            finally:
                self._called -= not future.cancelled()
            if not self._is_over(loop):
                return
            line = self._first

    def _is_over(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Tell whether this turn has lasted long enough; it begins with whoever asks first."""
        now = self._clock()
        if self._full_at is None:
            self._full_at = now + LONGEST_TURN
            self._call_next(loop)
        return now >= self._full_at

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin anew on this loop; the one before has ended, with all who waited."""
        self._loop, self._full_at, self._is_next_due, self._called = loop, None, False, 0
        self._line, self._first = deque(), deque()

    def _call_next(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_next_due:
            self._is_next_due = True
            loop.call_soon(self._next_turn, loop)

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call those who are first; they run in the turn after this."""
        self._full_at, self._is_next_due = None, False
        while self._called < FROM_THE_LINE and (line := self._first or self._line):
            future = line.popleft()
            if not future.done():  # else they gave up
                future.set_result(None)
                self._called += 1
        if self._called:
            self._call_next(loop)


# An event loop is one for all the roles of a process, and so is the time of its turns.
PACE: Final = Pace()
