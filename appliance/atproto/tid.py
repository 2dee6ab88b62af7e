"""Timestamp identifiers: sortable names for records and for the revisions of a repo.

https://atproto.com/specs/tid
"""

import secrets
from collections.abc import Callable
from threading import Lock
from typing import Final, Self

from appliance.atproto.syntax import InvalidSyntax, TidText

_ALPHABET: Final = "234567abcdefghijklmnopqrstuvwxyz"
_TO_DIGITS: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_MAX_US: Final = (1 << 53) - 1
_CLOCK_IDS: Final = 1024


class Tid(TidText):
    """13 letters: a microsecond of UTC and the number of the clock that gave it."""

    __slots__ = ()

    @classmethod
    def from_us(cls, us: int, clock_id: int = 0) -> Self:
        """Name a microsecond since 1970; raise InvalidSyntax outside 53 and 10 bits."""
        if not (0 <= us <= _MAX_US and 0 <= clock_id < _CLOCK_IDS):
            raise InvalidSyntax(f"no TID can hold {us} us of clock {clock_id}")
        number = us << 10 | clock_id
        pairs = [_PAIRS[number >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)]
        return cls.unchecked(_ALPHABET[number >> 60] + "".join(pairs))

    def to_us(self) -> int:
        """Give the microseconds since 1970 UTC."""
        return int(self.translate(_TO_DIGITS), 32) >> 10

    @property
    def clock_id(self) -> int:
        """The number, 0 to 1023, of the clock that gave it."""
        return int(self.translate(_TO_DIGITS), 32) & 1023


class TidClock:
    """Gives TIDs that only ever grow, whatever the system clock does; safe between threads."""

    def __init__(self, now_us: Callable[[], int], clock_id: int | None = None) -> None:
        """Take the source of microseconds since 1970; without a number the clock picks one."""
        self._now_us = now_us
        self._clock_id = secrets.randbelow(_CLOCK_IDS) if clock_id is None else clock_id
        self._last_us = -1
        self._lock = Lock()

    def next(self, after: Tid | None = None) -> Tid:
        """Give a TID above every one this clock gave by its own time, and above `after`.

        An `after` of the future moves this answer alone, not the clock. Raises InvalidSyntax when
        `after` is the last TID there can be.
        """
        with self._lock:
            us = self._last_us = max(self._now_us(), self._last_us + 1)
        if after is not None:
            us = max(us, after.to_us() + 1)
        return Tid.from_us(us, self._clock_id)
