"""One at a time: a lock for each name, forgotten as soon as nobody holds it or waits for it."""

from asyncio import Lock
from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

Name = TypeVar("Name", bound=Hashable)


class Turns(Generic[Name]):
    """Locks by name: `async with turns.of(name): ...`."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Name, Lock] = WeakValueDictionary()

    def of(self, name: Name) -> Lock:
        """Give the lock of a name, the same for all who ask while somebody has it."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = Lock()
        return lock

    def __len__(self) -> int:
        return len(self._locks)
