"""The power fails: what was written and not synced is lost, torn or out of order, at any call."""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.atproto.tid import TidClock
from appliance.base import room
from tests.support.catching_up import index_is
from tests.support.faulty_disk import (
    FaultyDisk,
    SyncedFiles,
    below_sqlite,
    copy_plain,
    folder_in_memory,
)
from tests.support.invariants import Promises, faults_in, hosted, index_of
from tests.support.scripted_day import Day
from tests.support.whole_house import Place, opened, place

# Nor the reserve, 32 MB in each of hundreds of copies.
NOT_COPIED = {"blobs", "run", room.NAME}


@dataclass
class Cut:
    """What is found after a power cut, and what had been promised by then."""

    data: Path
    promises: Promises
    at: str


class PowerCuts:
    """Takes what a cut would leave, at some calls of a disk."""

    def __init__(self, disk: FaultyDisk, data: Path, target: Path, seed: int) -> None:
        self._disk, self._data, self._target = disk, data, target
        self._dice = random.Random(seed)  # noqa: S311
        self._files = SyncedFiles(data / "blobs")
        self._seed = seed
        self.cuts: list[Cut] = []

    @contextmanager
    def taken(self, day: Day, share: float, most: int) -> Iterator[None]:
        def watch(kind: str, name: str) -> None:
            if kind != "read" and len(self.cuts) < most and self._dice.random() < share:
                self._take(day, f"seed {self._seed}, cut {len(self.cuts)}: {kind} of {name}")

        with self._files.watched():
            self._disk.watch = watch
            try:
                yield
            finally:
                self._disk.watch = None

    def _take(self, day: Day, at: str) -> None:
        promises = day.promises.copy()
        target = self._target / str(len(self.cuts))
        copy_plain(self._data, target, NOT_COPIED)
        for path, content in self._disk.after_a_cut(self._dice).items():
            if Path(path).parent == self._data:
                (target / Path(path).name).write_bytes(content)
        self._files.put_after_a_cut(target / "blobs")
        self.cuts.append(Cut(target, promises, at))


async def wakes_up(where: Place, cut: Cut, clock: TidClock, dice: random.Random) -> None:
    """Open what is left; go on writing; the AppView is what a rebuild makes."""
    async with opened(where, cut.data) as house:
        day = Day(house, dice, clock, [], cut.promises)
        for _ in range(2):
            await day.new_account()
        await day.steps(6)
        await house.appview_is_up_to_date()
        before = index_of(cut.data)
        await house.rebuild()
        assert await index_is(cut.data, before) == [], cut.at
        assert hosted(cut.data) <= before["records"], cut.at
    assert faults_in(cut.data, cut.promises) == [], cut.at


async def cut_the_power(
    folder: Path, seed: int, steps: int, share: float, most: int, woken: int
) -> int:
    """Live a day, cut the power at many of its calls, look at what each leaves; count them."""
    dice, clock = random.Random(seed), TidClock(lambda: time.time_ns() // 1000)  # noqa: S311
    data = folder / "data"
    with place() as where:
        with below_sqlite() as disk:
            async with opened(where, data) as house:
                day = await Day.begin(house, dice, clock)
                cuts = PowerCuts(disk, data, folder, seed)
                with cuts.taken(day, share, most):
                    await day.steps(steps)
                assert day.at_fault == 0, day.refusals
            assert faults_in(data, day.promises) == [], f"seed {seed}"
        for cut in cuts.cuts:
            assert faults_in(cut.data, cut.promises) == [], cut.at
        for cut in dice.sample(cuts.cuts, min(woken, len(cuts.cuts))):
            await wakes_up(where, cut, clock, dice)
    for cut in cuts.cuts:
        shutil.rmtree(cut.data)
    return len(cuts.cuts)


@pytest.mark.slow
async def test_after_a_power_cut_at_any_call_nothing_promised_is_lost() -> None:
    with folder_in_memory() as folder:
        taken = await cut_the_power(folder, 1, steps=80, share=0.4, most=200, woken=3)
    assert taken == 200


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 130))
async def test_the_same_for_many_seeds_and_more_points(seed: int) -> None:
    with folder_in_memory() as folder:
        taken = await cut_the_power(folder, seed, steps=150, share=0.3, most=400, woken=20)
    assert taken >= 200
