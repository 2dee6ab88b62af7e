"""How often a secret may be guessed."""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

TRIES: Final = 8
# From everywhere together: a house full of guessers is no faster than this.
TRIES_TOGETHER: Final = 60
WINDOW_SECONDS: Final = 600.0
MOST_ADDRESSES: Final = 1000


class TooManyTries(Exception):
    """Somebody guesses too fast; `wait` is in whole minutes."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"try again in {wait} min")
        self.wait = wait


class Throttle:
    """Count tries per address and together, over the last ten minutes."""

    def __init__(self, now: Callable[[], float], together: int = TRIES_TOGETHER) -> None:
        self._now = now
        self._most_together = together
        self._tries: dict[str, deque[float]] = {}
        self._together: deque[float] = deque()

    def count(self, address: str) -> None:
        """Count a try before it is judged, so that tries side by side all count.

        Raises TooManyTries; a refused try does not count.
        """
        own = self._tries.get(address, deque())
        self._check(own, TRIES)
        self._check(self._together, self._most_together)
        if address not in self._tries and len(self._tries) >= MOST_ADDRESSES:
            self._tries.pop(next(iter(self._tries)))
        self._tries[address] = own
        own.append(self._now())
        self._together.append(self._now())

    def forgive(self, address: str) -> None:
        """Forget the tries of somebody who knew the secret after all."""
        for _ in self._tries.pop(address, ()):
            if self._together:
                self._together.pop()

    def _check(self, tries: deque[float], most: int) -> None:
        while tries and tries[0] <= self._now() - WINDOW_SECONDS:
            tries.popleft()
        if len(tries) >= most:
            raise TooManyTries(math.ceil((tries[0] + WINDOW_SECONDS - self._now()) / 60))
