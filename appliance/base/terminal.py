"""What is written to a terminal: words of strangers move, colour and hide nothing there."""

import os
import sys
from typing import Any, Final, TextIO, cast

# Controls of both ranges but line end and tabulator; and what turns the direction of writing.
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN_AS: Final = dict.fromkeys((*_CONTROLS, *_DIRECTIONS), "?")
del _SHOWN_AS[ord("\n")], _SHOWN_AS[ord("\t")]


def printable(text: str) -> str:
    """Put a question mark for whatever a terminal would obey instead of showing it."""
    return text.translate(_SHOWN_AS)


class Guarded:
    """A terminal to which only what is printable is written; `unguarded` obeys."""

    def __init__(self, unguarded: TextIO) -> None:
        self.unguarded = unguarded

    def write(self, text: str) -> int:
        return self.unguarded.write(printable(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def guard_terminals() -> None:
    """Have everything that this process says pass here, where it says it to a terminal.

    Into a file or another program it goes as it is.
    """
    # Python 3.13 would colour what it says of its own faults, by the very characters kept out here.
    os.environ.setdefault("PYTHON_COLORS", "0")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty() and not isinstance(stream, Guarded):
            setattr(sys, name, cast(TextIO, Guarded(stream)))


def unguarded(stream: TextIO) -> TextIO:
    """Give the terminal itself, to who draws on it."""
    return stream.unguarded if isinstance(stream, Guarded) else stream
