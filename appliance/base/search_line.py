"""The line in which searches wait for each other: callers in turn, each with so many places."""

import asyncio
from collections import deque
from typing import Final

MOST_WAITING: Final = 32
# A page of a client asks for three or four at once.
MOST_OF_ONE_CALLER: Final = 6


class LineFull(Exception):
    """Too many wait already; `of_caller`: of this one caller."""

    def __init__(self, *, of_caller: bool) -> None:
        super().__init__("too many searches wait")
        self.of_caller = of_caller


class SearchLine:
    """Lets so many search at once, and the others wait.

    Whoever has many waiting gets no more turns than who has one. Callers without a name (None) are
    one caller.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: dict[str | None, deque[asyncio.Future[None]]] = {}
        self._last: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits. May be asked from any thread."""
        return bool(self._waiting)

    async def enter(self, caller: str | None) -> None:
        """Wait for a turn; whoever has had it must `leave`. Raises LineFull."""
        if self._free:
            self._free -= 1
            self._last = caller
            return
        own = self._waiting.get(caller, ())
        if len(own) >= MOST_OF_ONE_CALLER:
            raise LineFull(of_caller=True)
        if sum(map(len, self._waiting.values())) >= MOST_WAITING:
            raise LineFull(of_caller=False)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(caller, turn)
            else:  # it was given the turn in the very moment in which it was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """Give the turn to the next caller."""
        if self._last in self._waiting:  # whoever has just had it stands behind all others
            self._waiting[self._last] = self._waiting.pop(self._last)
        while self._waiting:
            caller = next(iter(self._waiting))
            turns = self._waiting.pop(caller)
            turn = turns.popleft()
            if turns:
                self._waiting[caller] = turns
            if not turn.done():
                self._last = caller
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, caller: str | None, turn: "asyncio.Future[None]") -> None:
        turns = self._waiting.get(caller, deque())
        if turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[caller]
