"""Keep the process to one core: to the one that others want least.

Its threads share the interpreter's lock, so hardly two of them run at once. Where they may run
anywhere, most changes of thread are changes of core, whose caches are cold and which has to be
woken. What works without the lock (passwords, scans, pictures) runs `anywhere`; on another core,
what takes the lock now and then keeps the event loop waiting for it.

A thread may run where the one that began it may, and so may a process:
https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

ALL: Final = frozenset(os.sched_getaffinity(0))
_THREADS: Final = Path("/proc/self/task")
# Two processes that want the same core are not to leave it at the same moment.
LEAST_SECONDS: Final = 1.0
MOST_MORE_MS: Final = 2000
# So much less of another core is to be wanted by others, of 1, that it is worth cold caches.
WORTH: Final = 0.25


@contextmanager
def kept_to_one() -> Iterator[None]:
    """Keep this thread to one core meanwhile, and those that it begins.

    To the one where it runs: the kernel begins programs where there is least to do. Where it
    refuses this or there is but one, everything goes on as it was.
    """
    here = {int(each) for each in _fields(Path("/proc/self/stat"))[36:37]}
    if len(ALL) > 1 and here:
        _let_run(0, here)
    try:
        yield
    finally:
        anywhere()


def anywhere() -> None:
    """Let this thread run on all cores; for pools whose work leaves the interpreter's lock."""
    _let_run(0, ALL)


@contextmanager
def spread() -> Iterator[None]:
    """Let processes that are begun meanwhile run on all cores."""
    own = os.sched_getaffinity(0)
    anywhere()
    try:
        yield
    finally:
        _let_run(0, own)


@dataclass(frozen=True)
class Look:
    """How long the cores were busy and the process kept one of them so, in ticks of the kernel."""

    busy: Mapping[int, int] = field(default_factory=dict)
    whole: Mapping[int, int] = field(default_factory=dict)
    own: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Cores:
    """The cores of this machine, and this process's threads on them.

    https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """

    proc: Path = Path("/proc")

    async def look_after(self) -> None:
        """Move to another core where others want ours. A worker."""
        if not self.home():
            return
        before = self.look()
        while True:
            await asyncio.sleep(LEAST_SECONDS + secrets.randbelow(MOST_MORE_MS) / 1000)
            now = self.look()
            core = better(self.home(), before, now)
            if core is not None:
                log.debug("to another core core=%d", core)
                self.move(core)
            before = now

    def home(self) -> frozenset[int]:
        """Give the core that we keep to; none, if we keep to none."""
        kept = frozenset(os.sched_getaffinity(0))
        return kept if len(kept) == 1 < len(ALL) else frozenset()

    def move(self, core: int) -> None:
        """Take all threads that are kept to one core to this one."""
        for thread in self._kept():
            _let_run(thread, {core})

    def look(self) -> Look:
        """Tell what has been used since the start of machine and threads."""
        busy, whole = {}, {}
        for line in _text(self.proc / "stat").splitlines():
            name, *told = line.split()
            if name.startswith("cpu") and name != "cpu":
                # user, nice, system, idle, iowait, irq, softirq, steal: others' machines as well
                ticks = [int(each) for each in told[:8]]
                core = int(name.removeprefix("cpu"))
                busy[core], whole[core] = sum(ticks) - ticks[3] - ticks[4], sum(ticks)
        return Look(busy, whole, {each: self._used(each) for each in self._kept()})

    def _kept(self) -> Iterator[int]:
        for thread in [int(each.name) for each in _THREADS.iterdir()]:
            with suppress(OSError):  # it has ended
                if len(os.sched_getaffinity(thread)) == 1:
                    yield thread

    def _used(self, thread: int) -> int:
        return sum(int(each) for each in _fields(self.proc / f"self/task/{thread}/stat")[11:13])


def better(home: frozenset[int], before: Look, now: Look) -> int | None:
    """Give the core that others want so much less than ours that it is worth to move; else None."""
    wanted = {
        core: (now.busy[core] - before.busy[core]) / (now.whole[core] - before.whole[core])
        for core in ALL & now.busy.keys() & before.busy.keys()
        if now.whole[core] > before.whole[core]
    }
    for own in home & wanted.keys():
        whole = now.whole[own] - before.whole[own]
        used = sum(ticks - before.own.get(thread, 0) for thread, ticks in now.own.items())
        calm = min(wanted, key=lambda core: (wanted[core], core))
        if wanted[own] - used / whole > wanted[calm] + WORTH:
            return calm
    return None


def _let_run(thread: int, cores: frozenset[int] | set[int]) -> None:
    with suppress(OSError):  # refused, or gone
        os.sched_setaffinity(thread, cores)


def _fields(path: Path) -> list[str]:
    """Give what a `stat` says from the third field on: the name before may hold anything.

    11 and 12 are ticks in programs and in the kernel, 36 is the core.
    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    return _text(path).rpartition(")")[2].split()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
