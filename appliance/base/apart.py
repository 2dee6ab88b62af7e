"""Work that may take long in a thread of its own, without which the process may end.

A pool's threads are waited for at the end, and those that hang keep others from their turn.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from appliance.base.workers import Outcome, attempt

T = TypeVar("T")


def apart(name: str, run: Callable[[], T]) -> asyncio.Future[T]:
    """Begin; the future has what `run` gives or raises, when the thread has ended."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(outcome: Outcome[T]) -> None:
        if future.done():
            return
        if outcome.error is None:
            future.set_result(outcome.value)  # type: ignore[arg-type]  # T may be None
        else:
            future.set_exception(outcome.error)

    def work() -> None:
        outcome = attempt(run)
        with suppress(RuntimeError):  # the loop may be gone
            loop.call_soon_threadsafe(tell, outcome)

    threading.Thread(target=work, name=name, daemon=True).start()
    return future


async def to_the_end(run: Callable[[], T]) -> T:
    """Run in a thread of the loop's and wait for it; the word to end is passed on only then."""
    running = asyncio.get_running_loop().run_in_executor(None, run)
    told: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as word:
            told = word
    if told is not None:
        running.exception()  # somebody has seen it
        raise told
    return running.result()
