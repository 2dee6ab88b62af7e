"""The files of one lodger: a repository of restic, whose files are named by their SHA-256.

Nothing is overwritten, and what is deleted lies aside for a month. It counts as theirs so long.
https://restic.readthedocs.io/en/stable/100_references.html
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

KINDS: Final = ("data", "index", "keys", "locks", "snapshots")
CONFIG: Final = "config"
ASIDE: Final = "deleted"
KEPT_SECONDS: Final = 30 * 86_400.0
# A pack of restic has some 16 MB, at most 128.
MOST_BYTES: Final = 256_000_000
LOCK_BYTES: Final = 10_000
MOST_LOCKS: Final = 100
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class NoSuchFile(LookupError):
    """There is no such file, or no file can have such a name."""


class NoRoom(Exception):
    """The lodger has used up what they were given."""


class Damaged(ValueError):
    """What came is not what its name says, or is too large."""


def used_in(folder: Path) -> int:
    """How many bytes a lodger has here, with what was deleted lately."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Load:
    """What one lodger has here, with all that is just coming in: for every request of theirs."""

    def __init__(self) -> None:
        self.used = 0
        self._coming = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def coming(self, measure: Callable[[], int]) -> AsyncIterator[None]:
        """Be one of those who upload; the first of them measures what is there."""
        async with self._lock:
            if not self._coming:
                self.used = await asyncio.to_thread(measure)
            self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1


class Store:
    """Files below one folder. `load` is shared by all that is done for this lodger at once.

    `look_for_room` raises where the disk has none for anything new.
    """

    def __init__(
        self,
        folder: Path,
        quota: int,
        load: Load,
        look_for_room: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._quota = quota
        self._load = load
        self._look_for_room = look_for_room
        self._now = now

    def path(self, kind: str, name: str) -> Path:
        """Find a file. Raises NoSuchFile."""
        found = self._place(kind, name)
        if not found.is_file():
            raise NoSuchFile(name)
        return found

    def names(self, kind: str) -> Iterator[tuple[str, int]]:
        """List the files of a kind, with their sizes. Raises NoSuchFile."""
        if kind not in KINDS:
            raise NoSuchFile(kind)
        for path in sorted((self._folder / kind).glob("*")):
            if _NAME.fullmatch(path.name):
                yield path.name, path.stat().st_size

    async def keep(self, kind: str, name: str, content: AsyncIterator[bytes]) -> None:
        """Store a file, whole or not at all; however many come at once, the quota is for all.

        Raises NoSuchFile, NoRoom, Damaged, FileExistsError.
        """
        target = self._place(kind, name)
        if target.exists():
            raise FileExistsError(name)
        async with self._load.coming(self._tidied):
            await self._receive(kind, name, target, content)

    async def _receive(
        self, kind: str, name: str, target: Path, content: AsyncIterator[bytes]
    ) -> None:
        left, own, digest = self._most(kind), 0, hashlib.sha256()
        target.parent.mkdir(0o700, parents=True, exist_ok=True)
        half = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with half.open("wb") as file:
                async for chunk in content:
                    own += len(chunk)
                    self._load.used += len(chunk)
                    if own > left:
                        raise NoRoom
                    if kind != "locks":
                        self._make_sure()
                    digest.update(chunk)
                    file.write(chunk)
            if kind != CONFIG and digest.hexdigest() != name:
                raise Damaged(name)
            half.replace(target)
            own = 0
        finally:
            half.unlink(missing_ok=True)
            self._load.used -= own

    def _make_sure(self) -> None:
        """Raise NoRoom where the lodger has no more, or the disk."""
        if self._load.used > self._quota:
            raise NoRoom
        self._look_for_room()

    def _most(self, kind: str) -> int:
        """How large a file may be. Locks are let in when all is full: who reads needs one, too."""
        if kind == "locks":
            return LOCK_BYTES if len(list(self.names(kind))) < MOST_LOCKS else 0
        return MOST_BYTES

    def delete(self, kind: str, name: str) -> None:
        """Put a file aside; a lock, which says only that somebody works, goes at once.

        Raises NoSuchFile.
        """
        found = self.path(kind, name)
        if kind == "locks":
            found.unlink()
            return
        aside = self._folder / ASIDE / kind / name
        aside.parent.mkdir(0o700, parents=True, exist_ok=True)
        found.replace(aside)
        aside.touch()

    def _tidied(self) -> int:
        """Delete for good what was put aside a month ago; tell what is used then."""
        for path in (self._folder / ASIDE).glob("*/*"):
            if path.stat().st_mtime < self._now() - KEPT_SECONDS:
                path.unlink()
        return used_in(self._folder)

    def _place(self, kind: str, name: str) -> Path:
        if kind == CONFIG and not name:
            return self._folder / CONFIG
        if kind not in KINDS or not _NAME.fullmatch(name):
            raise NoSuchFile(name)
        return self._folder / kind / name
