"""The disk fails at its Nth call, or is full for a while: what is said is true, and it mends."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from appliance.atproto.tid import TidClock
from tests.support.faulty_disk import FaultyDisk, below_sqlite, folder_in_memory
from tests.support.invariants import faults_in, hosted, index_of
from tests.support.scripted_day import Day
from tests.support.whole_house import opened, place

STEPS_A_DAY = 6
MOST_STEPS = 150
WRITING = {"write", "sync", "truncate"}


class Failure:
    """Fails some calls of the disk, counted from now on: `length` of them from the Nth."""

    def __init__(self, disk: FaultyDisk, name: str, error: Callable[[str], Exception]) -> None:
        self._disk, self._name, self._error = disk, name, error
        self.fired = 0

    def arm(self, number: int, length: int = 1, kinds: set[str] | None = None) -> None:
        left = number

        def watch(kind: str, name: str) -> None:
            nonlocal left
            if not name.startswith(self._name) or (kinds and kind not in kinds):
                return
            left -= 1
            if -length < left <= 0:
                self.fired += 1
                raise self._error(f"{kind} of {name}, number {number}")

        self._disk.watch = watch

    def disarm(self) -> None:
        self._disk.watch = None


async def fail_at_each(
    folder: Path,
    numbers: list[int],
    database: str,
    failure: tuple[Callable[[str], Exception], int, set[str] | None],
) -> tuple[int, int]:
    """Live a day for each number, the disk failing at that call of it; count faults and losses."""
    error, length, kinds = failure
    # Those who follow read on by themselves, and later when they failed.
    pause = 0.1 if database in ("relay.sqlite", "appview.sqlite") else 0
    dice, clock = random.Random(7), TidClock(lambda: time.time_ns() // 1000)  # noqa: S311
    data = folder / "data"
    with place() as where, below_sqlite() as disk:
        async with opened(where, data) as house:
            day = await Day.begin(house, dice, clock)
            fails = Failure(disk, database, error)
            for number in numbers:
                fails.arm(number, length, kinds)
                fired = fails.fired
                for _ in range(MOST_STEPS):
                    await day.steps(1)
                    if fails.fired == fired + length:
                        break
                    await asyncio.sleep(pause)
                assert fails.fired > fired, f"not so many calls: {number}"
                fails.disarm()
                refused = day.failed
                await day.steps(1)  # it goes on, at once and in the same process
                assert day.failed == refused, number
                assert faults_in(data, day.promises) == [], number
            await house.appview_is_up_to_date()
            before = index_of(data)
            await house.rebuild()
            assert index_of(data) == before
            assert hosted(data) <= before["records"]
        assert faults_in(data, day.promises) == []
        async with opened(where, data) as house:
            day.again_at(house)
            await day.steps(STEPS_A_DAY)
            await house.appview_is_up_to_date()
        assert faults_in(data, day.promises) == []
    return fails.fired, day.failed


IO_ERROR = (apsw.IOError, 1, None)
FULL = (apsw.FullError, 30, WRITING)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database", "failure", "numbers"),
    [
        ("pds.sqlite", IO_ERROR, range(1, 100, 5)),
        ("pds.sqlite", FULL, range(1, 60, 6)),
        ("relay.sqlite", IO_ERROR, range(1, 40, 13)),
        ("appview.sqlite", IO_ERROR, range(1, 80, 26)),
        ("viewers.sqlite", IO_ERROR, range(1, 12, 3)),
        ("directory.sqlite", IO_ERROR, range(1, 30, 4)),
    ],
)
async def test_a_disk_that_fails_at_its_nth_call_loses_nothing_that_was_promised(
    database: str, failure: tuple[Callable[[str], Exception], int, set[str] | None], numbers: range
) -> None:
    with folder_in_memory() as folder:
        fired, _ = await fail_at_each(folder, list(numbers), database, failure)
    assert fired >= len(numbers)


@pytest.mark.long
@pytest.mark.parametrize("failure", [IO_ERROR, FULL], ids=["error", "full"])
@pytest.mark.parametrize("first", range(1, 400, 50))
async def test_the_same_at_every_call_of_the_database_of_the_pds(
    first: int, failure: tuple[Callable[[str], Exception], int, set[str] | None]
) -> None:
    numbers = list(range(first, first + 50))
    with folder_in_memory() as folder:
        fired, _ = await fail_at_each(folder, numbers, "pds.sqlite", failure)
    assert fired >= len(numbers)
