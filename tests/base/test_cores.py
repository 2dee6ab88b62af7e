"""A process that keeps to one core: what runs where, and when it moves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base.cores import ALL, WORTH, Cores, Look, better

PROGRAM = """
import asyncio, json, os, threading
from concurrent.futures import ThreadPoolExecutor
from appliance.base import cores

def seen():
    return sorted(os.sched_getaffinity(0))

async def child():
    run = await asyncio.create_subprocess_exec(
        "cat", "/proc/self/status", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await run.communicate()
    allowed = next(line for line in said.decode().splitlines() if "Cpus_allowed:" in line)
    return bin(int(allowed.split()[1].replace(",", ""), 16)).count("1")

async def main():
    told = {"main": seen()}
    begun = []
    thread = threading.Thread(target=lambda: begun.append(seen()))
    thread.start()
    thread.join()
    told["thread"] = begun[0]
    told["pool"] = ThreadPoolExecutor(1, "scan", cores.anywhere).submit(seen).result()
    told["child"] = await child()
    with cores.spread():
        told["spread child"] = await child()
    told["after"] = seen()
    stay = threading.Event()
    ready = threading.Event()
    moved = []
    def work():
        ready.set()
        stay.wait()
        moved.append(seen())
    worker = threading.Thread(target=work)
    worker.start()
    ready.wait()
    mine = cores.Cores()
    other = next(core for core in sorted(cores.ALL) if core not in mine.home())
    mine.move(other)
    stay.set()
    worker.join()
    told["moved"] = [seen(), moved[0], [other], sorted(mine.home())]
    print(json.dumps(told))

with cores.kept_to_one():
    asyncio.run(main())
print(json.dumps(seen()))
"""


@pytest.mark.skipif(len(ALL) < 2, reason="there is one core only")
def test_the_lock_stays_on_one_core_and_what_leaves_it_may_run_anywhere() -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    told = json.loads(first)
    assert len(told["main"]) == 1
    assert told["thread"] == told["main"]
    assert told["after"] == told["main"]
    assert told["child"] == 1
    assert told["spread child"] == len(ALL)
    assert told["pool"] == sorted(ALL)
    assert len({tuple(each) for each in told["moved"]}) == 1
    assert told["moved"][0] != told["main"]
    assert json.loads(second) == sorted(ALL)


def look(busy: dict[int, int], own: int, at: int) -> Look:
    return Look(busy, dict.fromkeys(busy, at), {1: own})


@pytest.mark.skipif(len(ALL) < 2, reason="there is one core only")
@pytest.mark.parametrize(
    ("here", "own", "there", "moves"),
    [
        (100, 100, 0, False),  # all of it is ours
        (100, 60, 0, True),
        (100, 60, 30, False),  # the other one is wanted as well
        (30, 0, 0, True),
        (20, 0, 0, False),  # hardly worth it
        (100, 10, 100, False),
    ],
)
def test_it_leaves_a_core_that_others_want_for_a_calmer_one(
    here: int, own: int, there: int, moves: bool
) -> None:
    home, other = sorted(ALL)[:2]
    before = look({home: 1000, other: 5000}, 500, at=10_000)
    now = look({home: 1000 + here, other: 5000 + there}, 500 + own, at=10_100)
    assert better(frozenset({home}), before, now) == (other if moves else None)


def test_it_stays_where_nothing_is_known() -> None:
    home = frozenset({min(ALL)})
    assert better(home, Look(), Look()) is None
    same = look({min(ALL): 5}, 1, at=10)
    assert better(home, same, same) is None
    assert better(frozenset(), same, same) is None
    assert 0 < WORTH < 1


def test_what_the_kernel_tells_of_cores(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(
        "cpu  10 20 30 40 50 60 70 80 0 0\n"
        "cpu0 1 2 3 400 500 6 7 8 0 0\n"
        "cpu3 0 0 0 10 0 0 0 0 0 0\n"
        "intr 5 5\n"
    )
    seen = Cores(tmp_path).look()
    assert seen.busy == {0: 27, 3: 0}
    assert seen.whole == {0: 927, 3: 10}


def test_nothing_is_told_without_proc(tmp_path: Path) -> None:
    assert Cores(tmp_path / "none").look().busy == {}


def test_what_threads_have_used_is_theirs() -> None:
    used = Cores()._used(os.getpid())
    own = os.times()
    ticks = os.sysconf("SC_CLK_TCK")
    assert 0 <= used <= (own.user + own.system) * ticks + 2
