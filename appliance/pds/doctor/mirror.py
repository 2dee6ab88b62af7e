"""A mirror: whoever asks for it by a number that this server made sees what arrived of it.

Asked through the public name, it shows what a proxy on the way has changed or dropped. Without
such a number it is not there, and each lives for two minutes.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PATH: Final = "/.well-known/hearth-mirror/"
SECONDS: Final = 120.0
MOST: Final = 100
NONCE_LETTERS: Final = 32
# As many bytes as a picture from a phone has; a proxy's usual limit is 1 MB.
BODY_BYTES: Final = 6_000_000


@dataclass(frozen=True)
class Reflection:
    """What arrived of a request. `forwarded`: X-Forwarded-For, None if there was none."""

    nonce: str
    host: str
    address: str
    forwarded: str | None
    secure: bool
    bytes: int


class Mirror:
    """The numbers that are good now, and which of them were asked for."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ends: dict[str, float] = {}
        self._asked: set[str] = set()

    def new(self) -> str:
        """Make a number."""
        now = self._now()
        self._ends = {one: end for one, end in self._ends.items() if end > now}
        while len(self._ends) >= MOST:
            del self._ends[next(iter(self._ends))]
        self._asked &= self._ends.keys()
        nonce = secrets.token_hex(NONCE_LETTERS // 2)
        self._ends[nonce] = now + SECONDS
        return nonce

    def shows(self, nonce: str) -> bool:
        """Tell whether a number is good, and note that it was asked for."""
        good = self._ends.get(nonce, 0.0) > self._now()
        if good:
            self._asked.add(nonce)
        return good

    def was_asked(self, nonce: str) -> bool:
        """Tell whether somebody has come with a number."""
        return nonce in self._asked
