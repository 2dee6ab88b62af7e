"""Hearth in this process, looked at from inside: `python -m bench.watched [--fsync-ms N] try ...`.

A tick is due on the event loop every two milliseconds. How late it comes is what everybody waits
for; how much of the processor the loop's thread has used since the one before is what our own code
did without a pause, whatever else the machine had to do. SIGUSR1 begins anew, SIGUSR2 writes what
was seen to FIGURES. `--fsync-ms` makes every sync of SQLite wait as long as a slow card would.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import apsw

from appliance import cli, node

TICK = 0.002


class SlowDisk(apsw.VFS):
    """The disk as it is, but for its syncs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("slow", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> "SlowFile":  # noqa: N802
        return SlowFile(self.seconds, name, flags)


class SlowFile(apsw.VFSFile):
    """A file whose syncs take their time; the thread sleeps, so others go on."""

    def __init__(self, seconds: float, name: Any, flags: list[int]) -> None:
        self._seconds = seconds
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        time.sleep(self._seconds)


class Watch:
    """Notes every tick: seconds late, and processor seconds since the one before."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.used: list[float] = []

    async def run(self) -> None:
        """Tick for ever."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.forget)
        loop.add_signal_handler(signal.SIGUSR2, self.tell)
        while True:
            due, used = loop.time() + TICK, time.thread_time()
            await asyncio.sleep(TICK)
            self.late.append(max(loop.time() - due, 0.0))
            self.used.append(time.thread_time() - used)

    def forget(self) -> None:
        self.late.clear()
        self.used.clear()

    def tell(self) -> None:
        """Write the figures, whole or not at all."""
        told = {
            "ticks": len(self.late),
            "late_ms": spread(self.late),
            "used_ms": spread(self.used),
            "memory": memory_held(),
        }
        place = Path(os.environ["FIGURES"])
        half = place.with_suffix(".half")
        half.write_text(json.dumps(told))
        half.rename(place)


class Heap(ctypes.Structure):
    """What mallinfo2(3) gives, in the order of its fields."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    )  # fmt: skip


def memory_held() -> dict[str, float]:
    """Tell what Python and the C library hold; Python's small objects are not in the heap."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = Heap
    heap = mallinfo2()
    return {
        "python_blocks": sys.getallocatedblocks(),
        "heap_used_mb": (heap.uordblks + heap.hblkhd) / 1e6,
        "heap_free_mb": heap.fordblks / 1e6,
    }


def spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1.0}
    last = len(ordered) - 1
    return {name: round(1000 * ordered[int(share * last)], 2) for name, share in shares.items()}


def main() -> None:
    """Start Hearth with what is left of the arguments."""
    words = sys.argv[1:]
    disks = []
    if words[0] == "--fsync-ms":
        disks.append(SlowDisk(float(words[1]) / 1000))
        words = words[2:]
    if "FIGURES" in os.environ:
        serve = node._serve

        async def watched(*given: Any, **named: Any) -> Any:
            watching = asyncio.create_task(Watch().run())
            try:
                return await serve(*given, **named)
            finally:
                watching.cancel()

        node._serve = watched
    cli.main(words)


if __name__ == "__main__":
    main()
