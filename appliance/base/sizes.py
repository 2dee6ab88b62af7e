"""Sizes as people type and read them: "300 MB" for 300000000 bytes."""

import re
from decimal import Decimal
from typing import Final

_WRITTEN: Final = re.compile(r"(\d{1,16}(?:[.,]\d{1,9})?)\s*([a-z]{0,3})", re.ASCII)
_DECIMAL: Final = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "kB": 10**3}
_BINARY: Final = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_UNITS: Final = {
    "": 1,
    "b": 1,
    **{name.lower(): size for name, size in {**_DECIMAL, **_BINARY}.items()},
    **{name[0].lower(): size for name, size in _DECIMAL.items()},
}


class NotASize(ValueError):
    """A text that is neither a number of bytes nor a number with a unit of them."""


def read_size(text: str) -> int:
    """Read "300 MB", "1.5gb", "1 GiB" or "300000000" as bytes. Raises NotASize."""
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise NotASize(text)
    size = Decimal(found[1].replace(",", ".")) * _UNITS[found[2]]
    if size != int(size):
        raise NotASize(text)
    return int(size)


def size_in_words(size: int) -> str:
    """Write bytes in the largest unit that tells them exactly: "300 MB", "1 GiB", "1001 B"."""
    if not size:
        return "0"
    units = [*_DECIMAL.items(), *_BINARY.items()]
    fits = [(size // unit, name) for name, unit in units if size % unit == 0]
    return f"{size} B" if not fits else "{} {}".format(*min(fits))
