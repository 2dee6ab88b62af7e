"""Nothing waits for the disk in the processes of tests, but where what it holds is what is tested.

Four fifths of the time of a test that opens a PDS were syncs, of files that nobody looks at after a
power cut. Networks that run as programs of their own sync as ever, and so do databases below which
a faulty disk is put (`faulty_disk.below_sqlite`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from appliance.base.connection import Connection

_IN_LIFE: Final = (Connection.__init__, apsw.Connection.pragma, os.fsync)


def _open(self: Connection, path: Path, *, writable: bool) -> None:
    _IN_LIFE[0](self, path, writable=writable)
    _IN_LIFE[1](self, "synchronous", "OFF")


def _pragma(self: Connection, name: str, *value: Any, **more: Any) -> Any:
    if name == "synchronous" and value:
        return None
    return _IN_LIFE[1](self, name, *value, **more)


def _no_sync(handle: int) -> None:
    os.fstat(handle)  # what is no file fails as ever


def hurry() -> None:
    """Let the system write when it likes, from here on."""
    _sync_by(pytest.MonkeyPatch(), _open, _pragma, _no_sync)


@contextmanager
def as_in_life() -> Iterator[None]:
    """Have what is opened in here synced as its owners have it."""
    with pytest.MonkeyPatch.context() as patch:
        _sync_by(patch, *_IN_LIFE)
        yield


def _sync_by(patch: pytest.MonkeyPatch, opening: Any, pragma: Any, fsync: Any) -> None:
    patch.setattr(Connection, "__init__", opening)
    patch.setattr(Connection, "pragma", pragma)
    patch.setattr(os, "fsync", fsync)
