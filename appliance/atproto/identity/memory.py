"""Remember what was looked up, for a time, and look each thing up only once at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Remembered(Generic[V]):
    """One value; until: seconds since 1970, after which it is to be looked up again."""

    value: V
    until: float


class Memory(Generic[K, V]):
    """Keep the values used last, at most `limit` of them, each fresh for its own time."""

    def __init__(self, now: Callable[[], float], limit: int) -> None:
        self._now = now
        self._limit = limit
        self._kept: OrderedDict[K, Remembered[V]] = OrderedDict()

    def fresh(self, key: K) -> V | None:
        """Return a value that is still fresh."""
        kept = self._kept.get(key)
        if kept is None or kept.until <= self._now():
            return None
        self._kept.move_to_end(key)
        return kept.value

    def any_age(self, key: K) -> V | None:
        """Return a value, fresh or not."""
        kept = self._kept.get(key)
        return None if kept is None else kept.value

    def keep(self, key: K, value: V, seconds: float) -> None:
        self._kept[key] = Remembered(value, self._now() + seconds)
        self._kept.move_to_end(key)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def expire(self, key: K) -> None:
        """Call a value old, without forgetting it."""
        if kept := self._kept.get(key):
            kept.until = 0.0

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)


@dataclass
class _Flight:
    done: asyncio.Event = field(default_factory=asyncio.Event)
    value: Any = None
    error: Exception | None = None
    landed: bool = False


class SingleFlight:
    """Let callers who want the same thing at the same time share one look-up."""

    def __init__(self) -> None:
        self._flights: dict[object, _Flight] = {}

    async def run(
        self, key: object, look_up: Callable[[], Awaitable[V]], *, anew: bool = False
    ) -> V:
        """Run look_up, or wait for the one that is under way; give its value or its error.

        anew: one that began before does not do, as it may have been told what was so before.
        If the caller whose look-up it is gets cancelled, one of those waiting starts anew.
        """
        too_early = self._flights.get(key) if anew else None
        while (flight := self._flights.get(key)) is not None:
            await flight.done.wait()
            if flight is too_early:
                continue
            if flight.error is not None:
                raise type(flight.error)(*flight.error.args)
            if flight.landed:
                value: V = flight.value
                return value
        flight = self._flights[key] = _Flight()
        try:
            flight.value = await look_up()
            flight.landed = True
        except (LookupError, OSError, ValueError) as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.done.set()
        result: V = flight.value
        return result
