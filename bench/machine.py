"""What the kernel tells of a server: CPU time and memory of a process and all it started."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SETTLED_SHARE = 0.08
LONGEST_SETTLING = 30.0
GROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
MOST_SHARES = 1 << 18


@contextmanager
def control_group(memory: int, share: float) -> Iterator[list[Path]]:
    """Make a control group for memory, in bytes, and one for a share of a core (cgroups v1)."""
    places = [GROUPS / kind / f"hearth-bench-{os.getpid()}" for kind in ("memory", "cpu")]
    for place in places:
        place.mkdir()
    (places[0] / "memory.limit_in_bytes").write_text(str(memory))
    (places[1] / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (places[1] / "cpu.cfs_quota_us").write_text(str(int(PERIOD_US * share)))
    # Its share is what it gets, also where others want the processor.
    (places[1] / "cpu.shares").write_text(str(MOST_SHARES))
    try:
        yield places
    finally:
        for place in places:
            place.rmdir()


def family(pid: int) -> list[int]:
    """List a process and its living descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        below = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / children.name).read_text().split()
        ]
    except OSError:
        below = []
    return [pid, *(found for child in below for found in family(child))]


def cpu_seconds(pid: int) -> float:
    """Give the CPU time used by a process, its living descendants and those that it waited for."""
    return sum(_cpu_of(each) for each in family(pid))


def resident_mb(pid: int) -> float:
    """Give the resident memory of a process and its descendants, shared pages counted in each."""
    pages = 0
    for each in family(pid):
        pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
    return pages * PAGE / 1e6


def written_kb(pid: int) -> float:
    """Give what a process and its descendants have had written to the disk."""
    return sum(_written_by(each) for each in family(pid)) / 1e3


def busy_seconds() -> float:
    """Give the CPU time that the whole machine has used."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / TICKS


def _cpu_of(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def _written_by(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    found = {name: int(count) for name, _, count in (line.partition(": ") for line in lines)}
    # What was deleted before the kernel wrote it down never reached the disk.
    return found["write_bytes"] - found["cancelled_write_bytes"]


async def settle(pid: int) -> None:
    """Wait until a server has finished what the last requests left it to do."""
    waited = 0.0
    while waited < LONGEST_SETTLING:
        before = cpu_seconds(pid)
        await asyncio.sleep(0.25)
        waited += 0.25
        if cpu_seconds(pid) - before <= SETTLED_SHARE * 0.25:
            return


@dataclass(frozen=True)
class Meter:
    """Readings at the beginning of a measurement."""

    pid: int
    server: float
    machine: float
    own: float
    written: float

    @classmethod
    def begin(cls, pid: int) -> "Meter":
        return cls(pid, cpu_seconds(pid), busy_seconds(), _own(), written_kb(pid))

    def server_seconds(self) -> float:
        """Give the server's CPU time since the beginning."""
        return cpu_seconds(self.pid) - self.server

    def disk_kb(self) -> float:
        """Give what the server has written since the beginning."""
        return written_kb(self.pid) - self.written

    def others_seconds(self) -> float:
        """Give the CPU time that neither the server nor the load generator used."""
        everything = busy_seconds() - self.machine
        return max(0.0, everything - self.server_seconds() - (_own() - self.own))


def _own() -> float:
    times = os.times()
    return times.user + times.system
