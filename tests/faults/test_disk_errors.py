"""The disk fails at its Nth call, or is full for a while: what is said is true, and it mends."""

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import apsw
import pytest

from appliance.atproto.tid import TidClock
from appliance.base import workers
from appliance.base.damage import damage_in
from appliance.base.database import Database
from tests.support.appliance import ROOT
from tests.support.catching_up import index_is
from tests.support.faulty_disk import FaultyDisk, below_sqlite, folder_in_memory
from tests.support.invariants import faults_in, hosted, index_of
from tests.support.scripted_day import Day
from tests.support.whole_house import opened, place

SCHEMAS = [
    str(path.parent.relative_to(ROOT)) for path in sorted(ROOT.glob("appliance/*/schema*/0001*"))
]
IN_A_POOL = {f"asyncio_{number}" for number in range(64)}
CALLS = {"pds": 400, "relay": 200, "appview": 300, "directory": 100, "viewers": 25}
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


@contextmanager
def soon_again() -> Iterator[None]:
    """Let workers that failed begin again soon, also those that have failed often of late."""
    with mock.patch.multiple(workers, FIRST_PAUSE=0.1, LONGEST_PAUSE=0.5):
        yield


async def fail_at_each(
    folder: Path,
    numbers: list[int],
    database: str,
    failure: tuple[Callable[[str], Exception], int, set[str] | None],
) -> tuple[int, int]:
    """Live a day for each number, the disk failing at that call of it; count faults and losses."""
    error, length, kinds = failure
    # Those who follow read on by themselves.
    pause = 0.1 if database in ("relay.sqlite", "appview.sqlite") else 0
    dice, clock = random.Random(7), TidClock(lambda: time.time_ns() // 1000)  # noqa: S311
    data = folder / "data"
    with place() as where, below_sqlite() as disk, soon_again():
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
                refused = day.at_fault
                await day.steps(1)  # it goes on, at once and in the same process
                assert day.at_fault == refused, (number, day.refusals)
                assert faults_in(data, day.promises) == [], number
            await house.appview_is_up_to_date()
            before = index_of(data)
            await house.rebuild()
            assert await index_is(data, before) == []
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


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS)
async def test_a_disk_that_fails_while_a_database_is_opened_leaves_it_to_be_opened(
    tmp_path: Path, schema: str
) -> None:
    """At every call of an open, whether new or there already: no lock and no thread stays."""
    before = set(threading.enumerate())
    failed = 0
    with below_sqlite() as disk:
        for number in itertools.count(1):
            path = tmp_path / "new.sqlite" if number % 4 == 0 else tmp_path / "there.sqlite"
            fails = Failure(disk, path.stem, apsw.IOError)
            fails.arm(number)
            try:
                await (await Database.open(path, ROOT / schema)).close()
            except apsw.Error:
                failed += 1
            fails.disarm()
            assert {each.name for each in set(threading.enumerate()) - before} <= IN_A_POOL
            async with await Database.open(path, ROOT / schema):
                assert damage_in(path) == []
            for ending in ("", "-wal", "-shm"):
                (tmp_path / f"new.sqlite{ending}").unlink(missing_ok=True)
            if not fails.fired:
                break
    assert failed >= 4


# In pieces of so many calls.
PIECE = 25
EVERY_CALL = [
    pytest.param(f"{database}.sqlite", first, failure, id=f"{database}-{first}-{name}")
    for database, last in CALLS.items()
    for first in range(1, last, PIECE)
    for name, failure in (("error", IO_ERROR), ("full", FULL))
    if failure is IO_ERROR or database == "pds"
]


@pytest.mark.long
@pytest.mark.parametrize(("database", "first", "failure"), EVERY_CALL)
async def test_the_same_at_every_call_of_a_day(
    database: str, first: int, failure: tuple[Callable[[str], Exception], int, set[str] | None]
) -> None:
    numbers = list(range(first, first + PIECE))
    with folder_in_memory() as folder:
        fired, _ = await fail_at_each(folder, numbers, database, failure)
    assert fired >= len(numbers)
