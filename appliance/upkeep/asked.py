"""What the service asks of root, in a folder of its own, where nothing is believed."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

CHUNK: Final = 1 << 20


class Asked:
    """The service's folder; no link in it, nor one in its place, leads anywhere. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)

    def read(self, name: str, most: int) -> bytes:
        """Read a small file whole."""
        with os.fdopen(self._open(name), "rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise OSError(f"{name} is larger than {most} bytes")
        return content

    def copy(self, name: str, target: Path, size: int) -> None:
        """Copy at most a byte more than was signed: one too many is noticed."""
        left = size + 1
        with os.fdopen(self._open(name), "rb") as source, target.open("wb") as file:
            while left and (chunk := source.read(min(CHUNK, left))):
                file.write(chunk)
                left -= len(chunk)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)

    def _open(self, name: str) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=self._folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{name} is no plain file")
        return descriptor
