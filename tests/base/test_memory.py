"""Threads come and go without leaving heaps of their own behind."""

import subprocess
import sys

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
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return int(run.stdout)


def test_all_threads_share_one_heap() -> None:
    assert heaps_of_threads("small") == 0
    # Some C libraries have but one in any case.
    assert heaps_of_threads() in range(9)
