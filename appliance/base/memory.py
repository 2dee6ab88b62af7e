"""Keep the process small: one heap of the C library for all threads.

It would give each thread a heap of its own, which then keeps what that thread once needed most.
Here threads take turns anyway.
"""

import contextlib
import ctypes
from typing import Final

# See mallopt(3). What is freed at the heap's end is given back from so many bytes on, and taken in
# steps of such a size.
_TRIM_THRESHOLD: Final = (-1, 4 * 1024 * 1024)
_TOP_PAD: Final = (-2, 512 * 1024)
_ARENA_MAX: Final = (-8, 1)


def keep_small() -> None:
    """Set this; to be called before there are threads. Other C libraries have one heap anyway."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for what, value in (_TRIM_THRESHOLD, _TOP_PAD, _ARENA_MAX):
            mallopt(what, value)
