"""The owner's wish that what failed is tried again at once, not when its turn comes.

A file of the data folder whose time counts: written for who asks, read by all that wait.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Final

NAME: Final = "try-again"
SECONDS_BETWEEN_LOOKS: Final = 2.0


def wish(data: Path) -> None:
    """Ask for it."""
    place = data / NAME
    place.touch(mode=0o600)
    # Two wishes are two, however coarse the clock of the disk is.
    os.utime(place, ns=(now := time.time_ns(), now))


class Again:
    """Hears the wishes that come after it was made."""

    def __init__(self, data: Path) -> None:
        self._place = data / NAME
        self._heard = self._asked_at()

    async def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is wished; tell which."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._is_wished():
                return True
            await asyncio.sleep(min(left, SECONDS_BETWEEN_LOOKS))
        return self._is_wished()

    def _is_wished(self) -> bool:
        asked_at = self._asked_at()
        is_new = asked_at != self._heard
        self._heard = asked_at
        return is_new and asked_at != 0

    def _asked_at(self) -> int:
        try:
            return self._place.stat().st_mtime_ns
        except OSError:
            return 0
