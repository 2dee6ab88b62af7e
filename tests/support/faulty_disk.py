"""A disk that can be made to fail: what was written and not synced is kept apart.

`FaultyDisk` stands below SQLite (a VFS), `SyncedFiles` below everything that calls os.fsync.
Both tell what a power cut would leave: what was synced is there, what was not is there, lost, torn
by sectors, or out of order, by the dice. Calls can be made to fail by their number.
"""

import os
import random
import shutil
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from tests.support import quick_disk

SECTOR = 512
BASE = "unix"
# What a call is, and the name of the file it is about.
Watcher = Callable[[str, str], None]


@dataclass
class Medium:
    """One file: what is on the platter, and what is still on its way, in order."""

    durable: bytearray
    # (offset, bytes), or (size, None) for a file that is cut.
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def after_a_cut(self, dice: random.Random) -> bytes:
        """Give the file as it may be found when the power is back."""
        found = bytearray(self.durable)
        fate = dice.choice(("lost", "whole", "prefix", "any", "any"))
        upto = dice.randrange(len(self.pending) + 1)
        for number, (offset, data) in enumerate(self.pending):
            last = fate == "prefix" and number == upto
            if fate == "whole" or (fate == "prefix" and number < upto):
                _apply(found, offset, data)
            elif last or fate == "any":
                _tear(found, offset, data, dice)
        return bytes(found)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _tear(content: bytearray, offset: int, data: bytes | None, dice: random.Random) -> None:
    """Let some of it arrive: by sectors, as a disk writes."""
    if data is None:
        if dice.random() < 0.5:
            del content[offset:]
        return
    first = offset // SECTOR
    kept = dice.choice((0.0, 0.5, 1.0))
    for sector in range(first, (offset + len(data) - 1) // SECTOR + 1):
        if dice.random() < kept:
            low, high = max(sector * SECTOR, offset), min((sector + 1) * SECTOR, offset + len(data))
            _apply(content, low, data[low - offset : high - offset])


class FaultyDisk(apsw.VFS):
    """Every database opened while it is in place goes through it. Made by `below_sqlite`."""

    def __init__(self, name: str) -> None:
        super().__init__(name, BASE)
        self.media: dict[str, Medium] = {}
        self.counts: Counter[str] = Counter()
        self.watch: Watcher | None = None
        self.lock = threading.RLock()

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _File(self, name, flags, path or "")

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        with self.lock:
            super().xDelete(filename, syncdir)
            self.media.pop(filename, None)

    def medium(self, path: str) -> Medium:
        with self.lock:
            if path not in self.media:
                there = Path(path)
                self.media[path] = Medium(bytearray(there.read_bytes() if there.exists() else b""))
            return self.media[path]

    def note(self, kind: str, path: str) -> None:
        """Count a call; whoever watches may raise what SQLite is to be told."""
        self.counts[kind] += 1
        if self.watch is not None:
            self.watch(kind, Path(path).name)

    def after_a_cut(self, dice: random.Random) -> dict[str, bytes]:
        """Give every database file as it may be found when the power is back, by its path."""
        with self.lock:
            return {path: each.after_a_cut(dice) for path, each in sorted(self.media.items())}


class _File(apsw.VFSFile):
    """A file of a database. Reads see what was written, as the cache of a system lets them."""

    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int], path: str) -> None:
        super().__init__(BASE, name, flags)
        self._disk, self._path, self._medium = disk, path, disk.medium(path)

    def xLock(self, level: int) -> None:  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError:
            # A reader that leaves last would tidy up, and must not write: SQLite expects that.
            raise apsw.BusyError("no lock for a reader") from None

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.note("read", self._path)
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        with self._disk.lock:
            self._disk.note("write", self._path)
            super().xWrite(data, offset)
            self._medium.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with self._disk.lock:
            self._disk.note("truncate", self._path)
            super().xTruncate(newsize)
            self._medium.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        # Nothing has to reach the real disk: what is durable is kept here.
        with self._disk.lock:
            self._disk.note("sync", self._path)
            self._medium.sync()


@contextmanager
def below_sqlite() -> Iterator[FaultyDisk]:
    """Put a faulty disk below whatever opens a database in this process from now on."""
    disk = FaultyDisk("faulty")
    apsw.set_default_vfs("faulty")
    try:
        with quick_disk.as_in_life():
            yield disk
    finally:
        apsw.set_default_vfs(BASE)
        disk.unregister()


class SyncedFiles:
    """What fsync promised of the plain files in a folder: contents, and names in folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        for place, _, files in os.walk(folder):
            self._note_folder(Path(place))
            for name in files:
                path = Path(place) / name
                self._contents[path.stat().st_ino] = path.read_bytes()
        self._real = os.fsync

    @contextmanager
    def watched(self) -> Iterator[None]:
        """See every fsync of this process."""
        os.fsync = self._sync  # type: ignore[assignment]
        try:
            yield
        finally:
            os.fsync = self._real

    def _sync(self, handle: int) -> None:
        told = os.fstat(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if stat.S_ISDIR(told.st_mode):
            self._note_folder(path)
        else:
            self._contents[told.st_ino] = path.read_bytes()

    def _note_folder(self, path: Path) -> None:
        with os.scandir(path) as entries:
            self._names[path.stat().st_ino] = {entry.name: entry.inode() for entry in entries}

    def put_after_a_cut(self, target: Path) -> None:
        """Make the folder as it is found when the power is back, at its worst."""
        self._put(self._folder.stat().st_ino, target)

    def _put(self, folder: int, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for name, number in self._names.get(folder, {}).items():
            if number in self._names:
                self._put(number, target / name)
            else:
                (target / name).write_bytes(self._contents.get(number, b""))


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """Give a folder in memory, if there is one: what is durable is told by the disk above it."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def copy_plain(data: Path, target: Path, but: set[str]) -> None:
    """Copy what is neither a database, a blob nor a socket: secrets and small files."""
    target.mkdir(parents=True, exist_ok=True)
    for path in data.iterdir():
        if path.name in but or ".sqlite" in path.name:
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copy(path, target / path.name)
