"""A day in minutes: whenever nobody has anything to do, the clock goes on to the next appointment.

Everything in the process goes by it: timers, times of day, deadlines. It stands still for nobody
who works, be it a thread; other processes go by the real one.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple
from unittest import mock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# So long nothing has come from outside before the clock goes on.
QUIET_SECONDS = 0.0005
LONGEST_STEP = 600.0


class VirtualTime:
    """How far the clocks of this process are ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._until = float("-inf")
        self._real = time.monotonic, time.time

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let the process go by it."""
        monotonic, wall = self._real
        with mock.patch.multiple(
            time,
            monotonic=lambda: monotonic() + self.ahead,
            time=lambda: wall() + self.ahead,
            time_ns=lambda: int((wall() + self.ahead) * 1e9),
        ):
            yield

    async def pass_by(self, seconds: float) -> None:
        """Let so much time go by, in as little as it takes."""
        end = time.monotonic() + seconds
        self._until = end
        try:
            await asyncio.sleep(seconds)
        finally:
            self._until = float("-inf")

    def skip(self, seconds: float | None) -> None:
        """Go on to the next appointment, if time is to go by."""
        left = self._until - time.monotonic()
        if left > 0:
            self.ahead += min(LONGEST_STEP if seconds is None else seconds, left)

    @property
    def goes_by(self) -> bool:
        return self._until > time.monotonic()


class _Selector(selectors.DefaultSelector):
    """Waits no longer than somebody real might need."""

    virtual: VirtualTime
    is_at_work: Callable[[], bool]

    def select(self, timeout: float | None = None) -> Any:
        if not self.virtual.goes_by or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        found = super().select(QUIET_SECONDS)
        if not found and not self.is_at_work():
            self.virtual.skip(timeout)
        return found


class _Loop(asyncio.SelectorEventLoop):
    """A loop that knows whether threads work for it."""

    def __init__(self, virtual: VirtualTime) -> None:
        selector = _Selector()
        selector.virtual, selector.is_at_work = virtual, lambda: self._in_threads > 0
        self._in_threads = 0
        super().__init__(selector)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._has_ended)
        return future

    def _has_ended(self, _future: object) -> None:
        self._in_threads -= 1


def run(make: Callable[[VirtualTime], Coroutine[Any, Any, T]]) -> T:
    """Run something in a time of its own."""
    virtual = VirtualTime()
    with virtual.installed(), asyncio.Runner(loop_factory=lambda: _Loop(virtual)) as runner:
        return runner.run(make(virtual))
