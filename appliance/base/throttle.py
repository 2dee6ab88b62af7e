"""How often a secret may be guessed."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final, TypeAlias

from appliance.base.addresses import parse_address

TRIES: Final = 8
# At whatever: so nobody alone uses up what all have together.
TRIES_OF_ADDRESS: Final = 60
# From everywhere together: a house full of guessers is no faster than this.
TRIES_TOGETHER: Final = 60
WINDOW_SECONDS: Final = 600.0
MOST_KEPT: Final = 10_000

# Whose tries at what; None for anybody's, and for whatever it is.
_Key: TypeAlias = tuple[str | None, str | None]


class TooManyTries(Exception):
    """Somebody guesses too fast; `wait` is in whole minutes."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"try again in {wait} min")
        self.wait = wait


class Throttle:
    """Count tries over the last ten minutes: an address's at a thing, all of its, all at a thing.

    A network of IPv6 (/64) is one address. Who knew the secret of a thing before, from the same
    address, is held up by their own tries at it alone: what others do keeps no owner out.
    """

    def __init__(self, now: Callable[[], float], together: int = TRIES_TOGETHER) -> None:
        self._now = now
        self._most_together = together
        self._tries: OrderedDict[_Key, deque[float]] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def count(self, address: str, thing: str = "") -> None:
        """Count a try before it is judged, so that tries side by side all count.

        Raises TooManyTries; a refused try does not count.
        """
        own, *others = self._keys(address, thing)
        bounds = [(own, TRIES)]
        if own not in self._known:
            bounds += zip(others, (TRIES_OF_ADDRESS, self._most_together), strict=True)
        for key, most in bounds:
            self._check(self._tries.get(key), most)
        for key, _ in bounds:
            self._tries.setdefault(key, deque()).append(self._now())
            self._tries.move_to_end(key)
        while len(self._tries) > MOST_KEPT:
            self._tries.popitem(last=False)

    def forgive(self, address: str, thing: str = "") -> None:
        """Forget the tries of somebody who knew the secret after all, and know them again."""
        own, *others = self._keys(address, thing)
        was_known = own in self._known
        for _ in self._tries.pop(own, ()):
            for key in () if was_known else others:
                if self._tries.get(key):
                    self._tries[key].pop()
        self._known[own] = None
        self._known.move_to_end(own)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)

    def _keys(self, address: str, thing: str) -> tuple[_Key, _Key, _Key]:
        whose = _network(address)
        return (whose, thing), (whose, None), (None, thing)

    def _check(self, tries: deque[float] | None, most: int) -> None:
        while tries and tries[0] <= self._now() - WINDOW_SECONDS:
            tries.popleft()
        if tries and len(tries) >= most:
            raise TooManyTries(math.ceil((tries[0] + WINDOW_SECONDS - self._now()) / 60))


def _network(address: str) -> str:
    """Name what an address is counted as: whoever has one of IPv6 has all of its /64."""
    parsed = parse_address(address)
    return parsed.packed[:8].hex() if isinstance(parsed, IPv6Address) else address
