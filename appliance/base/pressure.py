"""Memory of the machine, or of the control group we are in: what to do while little is left.

Caches are given back and large work is put off until there is memory again. What people write and
read goes on; it needs little.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MIB: Final = 1024**2
# What is to stay free; less where there is little at all.
LEAST: Final = 48 * MIB
LEAST_SHARE: Final = 10
SCARCE_SHARE: Final = 4
# Of the last ten seconds, in percent, somebody may have waited for memory.
MOST_STALLED: Final = 20.0
# So that it is not short and ample in turn.
MARGIN: Final = 1.25
CALM: Final = 0.5
LOOK_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 5.0
# While it is short, caches are given back so often.
AGAIN_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 30

# Puts away what can be made again.
Slim = Callable[[], Awaitable[None]]


class NoMemory(Exception):
    """There is hardly any memory left, so nothing large is begun."""

    xrpc_name = "NotEnoughResources"

    def __init__(self) -> None:
        super().__init__("This server is short of memory. Try again in a moment")


@dataclass(frozen=True)
class Reading:
    """`free` and `whole` in bytes; `stalled`: how much of the time was spent waiting for memory."""

    free: int
    whole: int
    stalled: float = 0.0


@dataclass(frozen=True)
class Kernel:
    """Where the kernel tells about memory.

    https://docs.kernel.org/admin-guide/cgroup-v2.html
    """

    proc: Path = Path("/proc")
    groups: Path = Path("/sys/fs/cgroup")

    def look(self) -> Reading | None:
        """Tell what is left where it is least; None where nobody tells."""
        told = _numbers(self.proc / "meminfo")
        if "MemAvailable:" not in told:
            return None
        available = told["MemAvailable:"]
        found = [(available * 1024, told.get("MemTotal:", available) * 1024)]
        own: Path | None = None
        for folder in self._own():
            own = own or folder
            found += _of_group(folder)
        free, whole = min(found)
        stalled = _stalled(own / "memory.pressure") if own else None
        if stalled is None:
            stalled = _stalled(self.proc / "pressure/memory")
        return Reading(free, whole, stalled or 0.0)

    def _own(self) -> Iterator[Path]:
        """The control groups that bound us, from the nearest on."""
        for line in _text(self.proc / "self/cgroup").splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds not in ("", "memory"):
                continue
            tops = (self.groups / "memory",) if kinds else (self.groups, self.groups / "unified")
            for top in tops:
                place = top / path.lstrip("/")
                while place.is_relative_to(top):
                    yield place
                    place = place.parent


def _of_group(folder: Path) -> Iterator[tuple[int, int]]:
    """What a group may still take; files in memory that nobody uses are given back when needed."""
    stat = _numbers(folder / "memory.stat")
    for limits, used, kept in (
        (("memory.high", "memory.max"), "memory.current", "inactive_file"),
        (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
    ):
        now = _text(folder / used).strip()
        for limit in limits:
            most = _text(folder / limit).strip()
            if now.isdecimal() and most.isdecimal():
                yield max(0, int(most) - int(now) + stat.get(kept, 0)), int(most)


def _stalled(path: Path) -> float | None:
    for line in _text(path).splitlines():
        kind, *fields = line.split()
        if kind == "some":
            return float(dict(field.split("=") for field in fields)["avg10"])
    return None


def _numbers(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(path).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""


class Memory:
    """Whether memory is short; looked at once a second at most."""

    def __init__(
        self,
        look: Callable[[], Reading | None] = Kernel().look,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._now = now
        self._looked_at = float("-inf")
        self._short = False

    @property
    def is_short(self) -> bool:
        """Whether too little is left for anything large."""
        now = self._now()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._short = is_little(self._look(), was_little=self._short)
        return self._short

    def require(self) -> None:
        """Raises NoMemory."""
        if self.is_short:
            raise NoMemory


def is_little(reading: Reading | None, *, was_little: bool = False) -> bool:
    """Judge a reading; what was little has to be more than just enough to be so no longer."""
    if reading is None:
        return False
    least: float = min(LEAST, reading.whole // LEAST_SHARE)
    most_stalled = MOST_STALLED
    if was_little:
        least, most_stalled = least * MARGIN, most_stalled * CALM
    # Where there is plenty, somebody waits for something else.
    waits = reading.stalled > most_stalled and reading.free < reading.whole // SCARCE_SHARE
    return reading.free < least or waits


class Sparing:
    """Has caches given back while memory is short."""

    def __init__(
        self,
        memory: Memory,
        slims: Sequence[Slim],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = memory
        self._slims = slims
        self._now = now
        self._was_short = False
        self._slimmed_at = float("-inf")

    async def run(self) -> None:
        """Watch for ever; a worker."""
        while True:
            await self.look()
            await asyncio.sleep(WATCH_SECONDS)

    async def look(self) -> None:
        """Give caches back if memory is short, now and then for as long as it is."""
        short = self._memory.is_short
        if short != self._was_short:
            self._was_short = short
            log.warning("memory is short, caches are given back" if short else "memory is ample")
        if short and self._now() - self._slimmed_at >= AGAIN_SECONDS:
            self._slimmed_at = self._now()
            for slim in self._slims:
                await slim()
