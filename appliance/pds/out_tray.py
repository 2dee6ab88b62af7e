"""Archives on their way out: what they hold of memory and disk, all together, is bounded.

Anybody may ask for an archive, and whoever takes it slowly holds it for long. So they are in memory
only as long as all of them together are small; the others wait in files without a name, and
those take no more than a share of the room that the disk has, but for one that is alone.
"""

import io
import shutil
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO, Final, cast

from appliance.base.room import Measure, NoRoom, measure, named

LARGEST_IN_MEMORY: Final = 1_000_000
IN_MEMORY: Final = 16_000_000
SHARE_OF_ROOM: Final = 0.5


class NoRoomForArchive(NoRoom):
    """The disk is full, or others take archives that fill what is left of it."""

    def __init__(self) -> None:
        Exception.__init__(self, "The disk of this server has no room left for so large an archive")


class OutTray:
    """Gives what archives are written into, and counts what those hold that are not closed yet."""

    def __init__(self, folder: Path, measure: Measure = measure) -> None:
        self.folder = folder
        self._measure = measure
        self._lock = threading.Lock()
        self.in_memory = 0
        self.in_files = 0

    def open(self) -> BinaryIO:
        """Begin an archive; it is to be read from there as well, and closed."""
        return cast(BinaryIO, Archive(self))

    def lend_memory(self, size: int) -> bool:
        """Take so much more memory, if there is so much left."""
        with self._lock:
            if self.in_memory + size > IN_MEMORY:
                return False
            self.in_memory += size
            return True

    def take_room(self, own: int, size: int) -> None:
        """Take so much more of the disk for a file that has `own`. Raises NoRoomForArchive."""
        with self._lock:
            if self.in_files > own:
                free, _ = self._measure(self.folder)
                if self.in_files + size > SHARE_OF_ROOM * (free + self.in_files):
                    raise NoRoomForArchive
            self.in_files += size

    def give_back(self, memory: int, room: int) -> None:
        with self._lock:
            self.in_memory -= memory
            self.in_files -= room


class Archive(io.BufferedIOBase):
    """One archive: in memory first, then in a file. Whoever forgets it has closed it as well."""

    def __init__(self, tray: OutTray) -> None:
        self._tray = tray
        self._inner: BinaryIO = io.BytesIO()
        self._memory = 0
        self._room = 0
        self._is_file = False

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        """Write. Raises NoRoomForArchive."""
        more = max(0, self._inner.tell() + len(piece) - self._memory - self._room)
        try:
            with named():
                self._take(more)
                return self._inner.write(piece)
        except NoRoom as full:
            raise NoRoomForArchive from full

    def read(self, size: int | None = -1) -> bytes:
        return self._inner.read(-1 if size is None else size)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return self._inner.seek(place, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._tray.give_back(self._memory, self._room)
        super().close()

    def _take(self, more: int) -> None:
        """See that there is a place for so much more."""
        if not self._is_file:
            is_small = self._memory + more <= LARGEST_IN_MEMORY
            if is_small and self._tray.lend_memory(more):
                self._memory += more
                return
            self._move()
        self._tray.take_room(self._room, more)
        self._room += more

    def _move(self) -> None:
        """Go on in a file."""
        written, self._inner = self._inner, tempfile.TemporaryFile(dir=self._tray.folder)  # noqa: SIM115
        self._is_file = True
        self._tray.give_back(self._memory, 0)
        size, self._memory = self._memory, 0
        self._tray.take_room(0, size)
        self._room = size
        written.seek(0)
        shutil.copyfileobj(written, self._inner)
