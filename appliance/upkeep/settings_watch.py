"""Where roles run in several processes: each begins anew when another one saved settings."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

SECONDS_BETWEEN_LOOKS: Final = 1.0


class SettingsWatch:
    """Looks whether a file is another than it was when this was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = self._look()

    async def run(self, act: Callable[[], None]) -> None:
        """Wait until it is another, and `act`."""
        while self._look() == self._before:  # noqa: ASYNC110
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        act()

    def _look(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size
