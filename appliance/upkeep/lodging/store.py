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


class Store:
    """Files below one folder."""

    def __init__(self, folder: Path, quota: int, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._quota = quota
        self._now = now

    def used(self) -> int:
        """How many bytes there are, with what was deleted lately."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

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
        """Store a file, whole or not at all. Several at once may go over the quota by as many.

        Raises NoSuchFile, NoRoom, Damaged, FileExistsError.
        """
        target = self._place(kind, name)
        if target.exists():
            raise FileExistsError(name)
        left = await self._left(kind)
        target.parent.mkdir(0o700, parents=True, exist_ok=True)
        half = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        digest = hashlib.sha256()
        try:
            with half.open("wb") as file:
                async for chunk in content:
                    left -= len(chunk)
                    if left < 0:
                        raise NoRoom
                    digest.update(chunk)
                    file.write(chunk)
            if kind != CONFIG and digest.hexdigest() != name:
                raise Damaged(name)
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)

    async def _left(self, kind: str) -> int:
        """How large a file may be. Locks are let in when all is full: who reads needs one, too."""
        if kind == "locks":
            return LOCK_BYTES if len(list(self.names(kind))) < MOST_LOCKS else 0
        return min(self._quota - await asyncio.to_thread(self._tidied), MOST_BYTES)

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
        return self.used()

    def _place(self, kind: str, name: str) -> Path:
        if kind == CONFIG and not name:
            return self._folder / CONFIG
        if kind not in KINDS or not _NAME.fullmatch(name):
            raise NoSuchFile(name)
        return self._folder / kind / name
