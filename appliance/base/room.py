"""Room on the disk: nothing new is kept when little is left, so that what is there can be used.

Signing in, deleting and taking data out go on, since they need next to nothing, and that is kept
for them: a file of its own size, taken away when others have filled the disk, put back later.
"""

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MIB: Final = 1024**2
# What is to stay free, and what is kept in reserve below that; less on disks under 2 GB.
LEAST: Final = 100 * MIB
RESERVE: Final = 32 * MIB
# In shares of the whole disk.
LEAST_SHARE: Final = 20
RESERVE_SHARE: Final = 40
# So that it is not short and ample in turn.
MARGIN: Final = 1.25
LOOK_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 2.0
NAME: Final = "reserve"

# Free bytes and all bytes of the disk a folder is on.
Measure = Callable[[Path], tuple[int, int]]


class NoRoom(Exception):
    """The disk is nearly full, so nothing new is kept."""

    xrpc_name = "NotEnoughResources"

    def __init__(self) -> None:
        super().__init__("The disk of this server is full. Deleting and exporting still work")


def measure(folder: Path) -> tuple[int, int]:
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize


class Room:
    """The room on the disk that a folder is on; looked at once a second at most."""

    def __init__(
        self,
        folder: Path,
        measure: Measure = measure,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._measure = measure
        self._now = now
        self._looked_at = float("-inf")
        self._short = False

    @property
    def is_short(self) -> bool:
        """Whether too little is left for anything new."""
        now = self._now()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            free, whole = self._measure(self._folder)
            least = min(LEAST, whole // LEAST_SHARE)
            self._short = free < (least * MARGIN if self._short else least)
        return self._short

    def require(self) -> None:
        """Raises NoRoom."""
        if self.is_short:
            raise NoRoom

    async def wait(self) -> None:
        """Wait until there is room; nobody can tell but who looks."""
        while self.is_short:  # noqa: ASYNC110
            await asyncio.sleep(WATCH_SECONDS)


class Reserve:
    """A file that gives its room to those who delete when the disk is full."""

    def __init__(self, folder: Path, measure: Measure = measure) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._measure = measure

    async def run(self) -> None:
        """Watch over it for ever; a worker."""
        while True:
            self.look()
            await asyncio.sleep(WATCH_SECONDS)

    def look(self) -> None:
        """Give the file's room away, or take it back."""
        free, whole = self._measure(self._folder)
        size, least = min(RESERVE, whole // RESERVE_SHARE), min(LEAST, whole // LEAST_SHARE)
        if self._path.exists():
            if free < least // 4:
                log.warning("disk is full, the reserve is given away free=%d", free)
                self._path.unlink(missing_ok=True)
        elif free - size > least * MARGIN:
            with contextlib.suppress(OSError):
                self._take(size)

    def _take(self, size: int) -> None:
        aside = self._path.with_name(f".{NAME}")
        try:
            with aside.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
            aside.replace(self._path)
        finally:
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Call it NoRoom when a file cannot be written for lack of it."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom from problem
        raise
