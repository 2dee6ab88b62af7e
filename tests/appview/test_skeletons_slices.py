"""Positions, cursors, and reading a long list in bounded pieces."""

from typing import Any

import pytest

from appliance.appview.skeletons.slices import (
    NEWEST,
    SMALLEST_WINDOW,
    WINDOWS,
    Entry,
    InvalidCursor,
    Position,
    cut,
    format_cursor,
    parse_cursor,
    sift,
)


def test_a_cursor_comes_back_as_the_position_it_was_made_of() -> None:
    for position in (Position(0, 0), Position(1_790_000_000_000_000, 42), NEWEST):
        assert parse_cursor(format_cursor(position)) == position
    assert parse_cursor(None) == NEWEST


@pytest.mark.parametrize(
    "text",
    ["", "1", "1_", "_1", "1_2_3", "-1_2", "1::2", "1__bafy", "9" * 19 + "_1", "1_2\n", "٣_٤"],
)
def test_a_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        parse_cursor(text)


def test_a_list_that_just_fits_has_no_next_page() -> None:
    rows = [Entry(3, 3), Entry(2, 2), Entry(1, 1)]
    assert cut(rows, 3).after is None
    assert cut(rows, 2).rows == rows[:2]
    assert cut(rows, 2).after == Position(2, 2)


def numbers(count: int, every: int) -> Any:
    """Give a reader of rows count..1, every nth of them kept, and the sizes it was asked for."""
    asked: list[int] = []

    def read(before: Position, limit: int) -> list[tuple[Any, ...]]:
        asked.append(limit)
        start = min(count, before.sort_us - 1)
        return [(n, n, n % every == 0) for n in range(start, max(0, start - limit), -1)]

    return read, asked


def test_sifting_gives_all_that_is_kept_page_by_page() -> None:
    read, _ = numbers(1000, 7)
    found: list[int] = []
    before = NEWEST
    while True:
        part = sift(read, lambda row: Entry(*row), before, 10)
        found += [entry.id for entry in part.rows]
        if part.after is None:
            break
        before = part.after
    assert found == [n for n in range(1000, 0, -1) if n % 7 == 0]


def test_sifting_a_desert_stops_after_a_few_windows_and_says_where() -> None:
    read, asked = numbers(100_000, 1_000_000)
    part = sift(read, lambda row: Entry(*row), NEWEST, 10)
    assert part.rows == []
    assert asked == [SMALLEST_WINDOW] * WINDOWS
    last = 100_000 - WINDOWS * SMALLEST_WINDOW + 1
    assert part.after == Position(last, last)
