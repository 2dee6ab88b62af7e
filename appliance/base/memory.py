"""Keep the process small: one heap of the C library for all threads, given back when not used.

It would give each thread a heap of its own, which then keeps what that thread once needed most.
Here threads take turns anyway. And it would ask the kernel for every large piece anew, which for
the memory that a password's hash takes costs a quarter of the hash.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 2.0
GROWN_BYTES: Final = 4 * 1024 * 1024
# What a password's hash takes may be in use when the process has grown, and free soon after.
MOST_LOOKS: Final = 30

# See mallopt(3): what is freed is kept up to this size, and taken in steps of such a size.
_TRIM_THRESHOLD: Final = (-1, 32 * 1024 * 1024)
_TOP_PAD: Final = (-2, 512 * 1024)
_MMAP_THRESHOLD: Final = (-3, 32 * 1024 * 1024)
_ARENA_MAX: Final = (-8, 1)
_RESIDENT: Final = Path("/proc/self/statm")


def keep_small() -> None:
    """Set this; to be called before there are threads. Other C libraries have one heap anyway."""
    mallopt = _of_the_library("mallopt")
    if mallopt is not None:
        for what, value in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX):
            mallopt(what, value)


async def look_after() -> None:
    """Give back what is not used: when the process has grown, soon after that, once a minute.

    A worker.
    """
    trim = _of_the_library("malloc_trim")
    if trim is None:
        return
    at_most, pause, looks_left = 0, 1, 0
    while True:
        has_grown = resident() > at_most
        if has_grown or not looks_left:
            await asyncio.to_thread(trim, 0)
            at_most = resident() + GROWN_BYTES
            looks_left = pause = 1 if has_grown else min(2 * pause, MOST_LOOKS)
        looks_left -= 1
        await asyncio.sleep(LOOK_SECONDS)


def resident() -> int:
    """Tell how much memory the process has, in bytes; 0 where nobody tells."""
    try:
        return int(_RESIDENT.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _of_the_library(name: str) -> Callable[..., int] | None:
    """Give a function of the C library, or None where it has no such."""
    return getattr(ctypes.CDLL(None), name, None)
