"""Background work: named loops, restarted after a failure, their state visible.

Nothing else in the house starts a task. Besides the XRPC server this is the only place that
catches whatever an unknown function may raise.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
SECONDS_TO_STOP = 3.0
# For one alone. Longer than it takes to part from a server that says nothing; a service manager
# waits a minute for the whole house.
SECONDS_TO_HEED = 20.0


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a function gave: a value, or the exception it raised."""

    value: T | None
    error: BaseException | None


def attempt(fn: Callable[..., T], *args: object) -> Outcome[T]:
    """Run a function; return what it raised instead of raising it. For threads that must live."""
    try:
        return Outcome(fn(*args), None)
    except BaseException as error:  # noqa: BLE001
        return Outcome(None, error)


@dataclass(frozen=True)
class WorkerStatus:
    """What the panel shows of a worker. Times are seconds since 1970."""

    name: str
    running: bool
    since: float
    failures: int
    last_error: str | None


class Worker:
    """One named background loop: `run` returns when done and raises on failure."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._run = run
        self._running = False
        self._since = time.time()
        self._failures = 0
        self._last_error: str | None = None
        self._task: asyncio.Task[None] | None = None

    def status(self) -> WorkerStatus:
        return WorkerStatus(self.name, self._running, self._since, self._failures, self._last_error)

    async def stop(self) -> None:
        """Cancel the loop and wait until it has ended; one that does not heed that is named."""
        if self._task is None:
            return
        self._task.cancel()
        _, left = await asyncio.wait([self._task], timeout=SECONDS_TO_HEED)
        if left:
            log.error("worker does not stop name=%s", self.name)

    def begin(self) -> asyncio.Task[None]:
        """Start the loop as a task of the running event loop; once only."""
        self._task = asyncio.create_task(self._supervise(), name=self.name)
        return self._task

    async def _supervise(self) -> None:
        """Run until `run` returns; after a failure wait 1 s, doubling to 60 s."""
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            self._running, self._since = True, time.time()
            try:
                await self._run()
                return
            except Exception as error:
                self._failures += 1
                self._last_error = f"{type(error).__name__}: {error}"
                log.exception("worker failed name=%s failures=%d", self.name, self._failures)
            finally:
                self._running, self._since = False, time.time()
            if time.monotonic() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


class Workers:
    """All background loops of a process; leaving the context stops them and waits, 3 s at most."""

    def __init__(self) -> None:
        self._workers: dict[asyncio.Task[None], Worker] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        until = time.monotonic() + SECONDS_TO_STOP
        while self._workers and time.monotonic() < until:
            for task in self._workers:
                task.cancel()
            await asyncio.wait(self._workers, timeout=SECONDS_TO_STOP)
            await asyncio.sleep(0)  # lets those that are done leave the list
        for worker in self._workers.values():
            log.error("worker does not stop name=%s", worker.name)

    def start(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        after: Callable[[], None] | None = None,
    ) -> Worker:
        """Start a loop. It leaves the list when `run` returns or it is stopped.

        `after` is called then, also where it was stopped before `run` began.
        """
        worker = Worker(name, run)
        task = worker.begin()
        self._workers[task] = worker
        task.add_done_callback(lambda done: self._workers.pop(done, None))
        if after is not None:
            task.add_done_callback(lambda _: after())
        return worker

    def status(self) -> list[WorkerStatus]:
        """Tell the state of every live worker, in order of start."""
        return [worker.status() for worker in self._workers.values()]
