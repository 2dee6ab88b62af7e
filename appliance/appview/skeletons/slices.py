"""A piece of an ordered list and where it goes on; the cursors clients see."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from appliance.atproto.syntax import AtUri

# Rows whose first two columns are their position.
T = TypeVar("T", bound=tuple[Any, ...])

_CURSOR: Final = re.compile(r"(\d{1,18})_(\d{1,18})", re.ASCII)
# Where most rows are passed over: how many windows one request reads at most.
WINDOWS: Final = 8
WINDOW_FACTOR: Final = 4
SMALLEST_WINDOW: Final = 100


class InvalidCursor(ValueError):
    """A cursor is not one of ours."""

    xrpc_name = "InvalidRequest"


class Position(NamedTuple):
    """A place in a newest-first list: what comes next is smaller."""

    sort_us: int
    id: int


# Before every row there is: later than the year 30000.
NEWEST: Final = Position(10**18 - 1, 10**18 - 1)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """Rows in order, and the position to go on from; None at the end of the list."""

    rows: list[T]
    after: Position | None


class Entry(NamedTuple):
    """A row that is no more than its place; id is the subject or actor listed."""

    sort_us: int
    id: int


def parse_cursor(cursor: str | None) -> Position:
    """Read a cursor. Raises InvalidCursor."""
    if cursor is None:
        return NEWEST
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidCursor("Malformed cursor")
    return Position(int(match[1]), int(match[2]))


def format_cursor(position: Position) -> str:
    return f"{position.sort_us}_{position.id}"


def cut(rows: list[T], limit: int) -> Slice[T]:
    """Make a slice of rows read with `limit + 1`."""
    if len(rows) <= limit:
        return Slice(rows, None)
    last = rows[limit - 1]
    return Slice(rows[:limit], Position(last[0], last[1]))


def entries(rows: list[tuple[Any, ...]], limit: int) -> Slice[Entry]:
    """Make a slice of (sort_us, id) rows read with `limit + 1`."""
    return cut([Entry(row[0], row[1]) for row in rows], limit)


def window_size(limit: int) -> int:
    return max(SMALLEST_WINDOW, limit * WINDOW_FACTOR)


def sift(
    read: Callable[[Position, int], list[tuple[Any, ...]]],
    make: Callable[[tuple[Any, ...]], T],
    before: Position,
    limit: int,
) -> Slice[T]:
    """Gather rows whose last column is true, window by window, so that each read is bounded.

    `make` gets a row without its last column. May give fewer than `limit` rows and a position.
    """
    found: list[T] = []
    window = window_size(limit)
    for _ in range(WINDOWS):
        rows = read(before, window)
        for row in rows:
            if row[-1]:
                if len(found) == limit:
                    return Slice(found, Position(found[-1][0], found[-1][1]))
                found.append(make(row[:-1]))
        if len(rows) < window:
            return Slice(found, None)
        before = Position(rows[-1][0], rows[-1][1])
    return Slice(found, before)


def collection_of(uri: str) -> str:
    """Name the collection of a record's address; "" if it names none."""
    return AtUri.unchecked(uri).collection or ""
