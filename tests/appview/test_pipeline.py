"""Pages are filled up after filters thinned them out."""

from collections.abc import Sequence

from appliance.appview.pipeline import ROUNDS, answer
from appliance.appview.skeletons.slices import Entry, Position, Slice, cut
from tests.support.appview_house import AppViewHouse


class Numbers:
    """A skeleton of the numbers count..1 that notes how many were asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[int] = []

    async def __call__(self, before: Position, limit: int) -> Slice[Entry]:
        self.asked.append(limit)
        start = min(self.count, before.sort_us - 1)
        return cut([Entry(n, n) for n in range(start, max(0, start - limit - 1), -1)], limit)


def even(rows: Sequence[Entry]) -> list[int | None]:
    return [row.id if row.id % 2 == 0 else None for row in rows]


def nothing(rows: Sequence[Entry]) -> list[None]:
    return [None for _ in rows]


async def test_what_filters_take_is_made_up_for(house: AppViewHouse) -> None:
    numbers = Numbers(100)
    shown, cursor = await house.role.pipeline.page(numbers, even, 10, None)
    assert shown == [100, 98, 96, 94, 92, 90, 88, 86, 84, 82]
    assert numbers.asked[:2] == [10, 5]
    rest, _ = await house.role.pipeline.page(numbers, even, 100, cursor)
    assert rest == list(range(80, 0, -2))


async def test_a_page_of_nothing_but_hidden_rows_goes_on_later(house: AppViewHouse) -> None:
    numbers = Numbers(1000)
    shown, cursor = await house.role.pipeline.page(numbers, nothing, 10, None)
    assert shown == []
    assert len(numbers.asked) == ROUNDS
    assert cursor == "951_951"


async def test_the_end_of_a_list_has_no_cursor(house: AppViewHouse) -> None:
    shown, cursor = await house.role.pipeline.page(Numbers(9), even, 5, None)
    assert shown == [8, 6, 4, 2]
    assert cursor is None
    assert answer("rows", shown, cursor) == {"rows": shown}
