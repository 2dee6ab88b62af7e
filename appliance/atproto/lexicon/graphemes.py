"""Count grapheme clusters: what a reader sees as one character.

Uses `regex` when it is installed. The fallback follows the extended clusters of Unicode Annex 29 in
all that people write: combining marks, emoji sequences, flags, Hangul, CR LF; of the rules for
Indic conjuncts it knows none, so it may count such text higher, never lower.
"""

import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

_JOINER: Final = 0x200D
_MARKS: Final = frozenset({"Mn", "Me", "Mc"})
_BREAKERS: Final = frozenset({"Cc", "Zl", "Zp"})


def _extends(char: str) -> bool:
    """Tell whether a character continues the cluster before it, whatever that is."""
    code = ord(char)
    return (
        unicodedata.category(char) in _MARKS
        or code in (_JOINER, 0x200C, 0xFF9E, 0xFF9F)
        or _is_skin_tone(code)
        or 0xE0020 <= code <= 0xE007F
    )


def _is_skin_tone(code: int) -> bool:
    return 0x1F3FB <= code <= 0x1F3FF


def _is_pictograph(code: int) -> bool:
    return (
        code in (0xA9, 0xAE, 0x203C, 0x2049, 0x3030, 0x303D, 0x3297, 0x3299)
        or 0x2122 <= code <= 0x2BFF
        or 0x1F000 <= code <= 0x1F1E5
        or 0x1F200 <= code <= 0x1FAFF
    ) and not _is_skin_tone(code)


def _is_flag_letter(code: int) -> bool:
    return 0x1F1E6 <= code <= 0x1F1FF


def _hangul(code: int) -> str:
    """Return the kind of a Hangul letter or syllable: L, V, T, LV, LVT, or nothing."""
    if 0xAC00 <= code <= 0xD7A3:
        return "LVT" if (code - 0xAC00) % 28 else "LV"
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB:
        return "T"
    return ""


def _hangul_joins(before: str, after: str) -> bool:
    if before == "L":
        return after in ("L", "V", "LV", "LVT")
    if before in ("LV", "V"):
        return after in ("V", "T")
    return before in ("LVT", "T") and after == "T"


class _Scan:
    """Read characters one by one and tell which of them begin a cluster."""

    def __init__(self) -> None:
        self._before = ""
        self._pictograph = False  # the cluster so far is a pictograph and marks
        self._flag_letters = 0

    def begins(self, char: str) -> bool:
        before, self._before = self._before, char
        joined = bool(before) and self._joined(before, char)
        code = ord(char)
        self._flag_letters = self._flag_letters + 1 if _is_flag_letter(code) else 0
        if not (joined and _extends(char)):
            self._pictograph = _is_pictograph(code)
        elif ord(before) == _JOINER:
            self._pictograph = False  # a joiner joins what comes right after it
        return not joined

    def _joined(self, before: str, char: str) -> bool:
        if before == "\r" and char == "\n":
            return True
        if unicodedata.category(before) in _BREAKERS:
            return False
        if _extends(char):
            return True
        code, last = ord(char), ord(before)
        if last == _JOINER and self._pictograph and _is_pictograph(code):
            return True
        if _is_flag_letter(code):
            return self._flag_letters % 2 == 1
        return _hangul_joins(_hangul(last), _hangul(code))


def count_by_rules(text: str) -> int:
    """Count the clusters of a text without any library."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    scan = _Scan()
    return sum(scan.begins(char) for char in text)


@cache
def _counter() -> Callable[[str], int]:
    """Choose when the first text wants it: 2 MB of memory until then."""
    if find_spec("regex") is None:
        return count_by_rules
    find_all = import_module("regex").compile(r"\X").findall
    return lambda text: len(find_all(text))


def count_graphemes(text: str) -> int:
    """Count the clusters of a text."""
    return len(text) if text.isascii() and "\r" not in text else _counter()(text)
