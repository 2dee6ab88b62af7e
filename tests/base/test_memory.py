"""Threads come and go without leaving heaps of their own behind."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.base import memory

# The C library reserves 64 MB for a thread's heap: a mapping that ends at a multiple of that size.
PROGRAM = """
import ctypes, sys, threading
from pathlib import Path
from appliance.base import memory

if "small" in sys.argv:
    memory.keep_small()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
gate = threading.Barrier(8)

def fill():
    pieces = [libc.malloc(1000) for _ in range(2000)]
    for piece in pieces:
        libc.free(ctypes.c_void_p(piece))
    gate.wait()

threads = [threading.Thread(target=fill) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
ends = [int(line[0].partition("-")[2], 16) for line in lines if line[1] == "---p"]
print(sum(end % 0x4000000 == 0 for end in ends))
"""


def heaps_of_threads(*args: str) -> int:
    command = [sys.executable, "-c", PROGRAM, *args]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)  # noqa: S603
    return int(run.stdout)


def test_all_threads_share_one_heap() -> None:
    assert heaps_of_threads("small") == 0
    # Some C libraries have but one in any case.
    assert heaps_of_threads() in range(9)


async def times_given_back(monkeypatch: pytest.MonkeyPatch, sizes: list[int]) -> int:
    """Look once for each size; those after giving back are among them."""
    left = iter(sizes)
    given_back: list[int] = []
    ended = asyncio.Event()

    def resident() -> int:
        size = next(left, 0)
        if not size:
            ended.set()
        return size

    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(memory, "resident", resident)
    monkeypatch.setattr(memory, "_of_the_library", lambda _name: given_back.append)
    worker = asyncio.create_task(memory.look_after())
    async with asyncio.timeout(60):
        await ended.wait()
    worker.cancel()
    return len(given_back)


async def test_what_is_not_used_is_given_back_when_there_is_more_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # At first and when it had grown by as much as is worth it, each time with the look behind it.
    quiet, grown = [90, 90, 90], 90 + 2 * memory.GROWN_BYTES
    assert await times_given_back(monkeypatch, [100, *quiet, grown, *quiet]) == 4


async def test_what_was_in_use_when_the_process_had_grown_is_given_back_soon_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grown = 90 + 2 * memory.GROWN_BYTES
    # A hash at the first two looks; what it had goes at the second, and the third finds nothing.
    assert await times_given_back(monkeypatch, [grown, grown, grown, 90]) == 2


async def test_looks_that_find_nothing_become_as_rare_as_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    minute = int(60 / memory.LOOK_SECONDS)
    # One for the look, one more for each time that something is given back.
    sizes = [90] * (10 * minute)
    assert 10 <= await times_given_back(monkeypatch, sizes) <= 15


def test_a_process_knows_how_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 10_000_000 < memory.resident() < 4_000_000_000
    monkeypatch.setattr(memory, "_RESIDENT", Path("/nowhere"))
    assert memory.resident() == 0
