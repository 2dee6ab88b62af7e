"""What roles of one process have in common beside the wire; each does without it, too."""

import asyncio
import contextlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from appliance.firehose.own_frames import OwnFrames

LATELY: Final = 0.5


class Haste:
    """Tells those who gather frames for a larger batch that somebody waits for one of them."""

    def __init__(self) -> None:
        self._waiting = 0
        self._wanted = asyncio.Event()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Have nobody gather while this is open."""
        self._waiting += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self._wanted.clear()

    async def pause(self, seconds: float) -> None:
        """Let frames come together, unless somebody waits or begins to."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()


class Pace:
    """How many frames come a second, of late."""

    def __init__(self) -> None:
        self._level = 0.0
        self._since = 0.0

    def note(self, frames: int, now: float) -> float:
        """Count what has just come; give the rate."""
        self._level = self._level * math.exp((self._since - now) / LATELY) + frames
        self._since = now
        return self._level / LATELY


@dataclass(frozen=True)
class Inside:
    """Made once for the process; a role alone makes its own."""

    own: OwnFrames = field(default_factory=OwnFrames)
    haste: Haste = field(default_factory=Haste)
