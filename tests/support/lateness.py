"""A run that says at once what failed and where it hangs: one that is cut off has told it."""

import asyncio
import faulthandler
import signal
import time
import traceback
from collections.abc import Iterator
from os import dup, fdopen
from threading import Event, Thread
from types import FrameType
from typing import Final

import pytest

from tests.support.second_try import is_first

STDERR_FILENO: Final = 2
LATE_AFTER: Final = 300.0
"""Seconds a test may run before it shows what it waits for; after as many again, it fails.

The slowest takes a minute and a half on two busy cores. What hears no signal, or does not end with
the run, is ended from outside of the interpreter after half as many more.
"""
AT_LAST: Final = 2.5 * LATE_AFTER


class Lateness:
    """A plugin, in the process that gathers and in those that test."""

    def __init__(self, config: pytest.Config) -> None:
        self._gathers = not hasattr(config, "workerinput")
        # Before output is captured: what hangs is never asked for what it captured.
        self._out = fdopen(dup(STDERR_FILENO), "w")
        self._begun: dict[str, float] = {}
        self._ended = Event()
        self._shown = False

    def pytest_sessionstart(self) -> None:
        """Begin to look at the clock."""
        signal.signal(signal.SIGALRM, self._late)
        if self._gathers:
            Thread(target=self._look, name="lateness", daemon=True).start()

    def pytest_sessionfinish(self) -> None:
        """Look no more; threads that do not end are shown, and not waited for."""
        self._ended.set()
        faulthandler.dump_traceback_later(AT_LAST, exit=True, file=self._out)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note when a test began, here or in another process."""
        self._begun[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Forget a test that has ended."""
        self._begun.pop(nodeid, None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell a failure now; the summary tells it again."""
        if self._gathers and (report.failed or is_first(report)):
            how = "FAILED" if report.failed else "FAILED AT FIRST"
            self._say(f"{how} {report.nodeid} ({report.when})\n{report.longreprtext}")
        if report.when not in ("setup", "call", "teardown"):
            self._begun.pop(report.nodeid, None)  # its process is gone

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Let a test that is late show what it waits for, then fail."""
        if item.get_closest_marker("long") or item.get_closest_marker("machines"):
            return (yield)
        self._shown = False
        signal.setitimer(signal.ITIMER_REAL, LATE_AFTER, LATE_AFTER)
        faulthandler.dump_traceback_later(AT_LAST, exit=True, file=self._out)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()

    def _look(self) -> None:
        while not self._ended.wait(LATE_AFTER / 5):
            for nodeid, begun in list(self._begun.items()):
                if (seconds := time.monotonic() - begun) > LATE_AFTER:
                    self._say(f"LATE: {nodeid} has run for {seconds:.0f} s")

    def _late(self, _signal: int, frame: FrameType | None) -> None:
        if self._shown:
            pytest.fail(f"still running after {2 * LATE_AFTER:.0f} s")
        self._shown = True
        traceback.print_stack(frame, limit=-12, file=self._out)
        faulthandler.dump_traceback(file=self._out)
        try:
            tasks = asyncio.all_tasks()
        except RuntimeError:  # no loop runs: the stack has said it all
            tasks = set()
        for task in tasks:
            task.print_stack(file=self._out)
        self._out.flush()

    def _say(self, text: str) -> None:
        self._out.write(f"\n{text}\n")
        self._out.flush()
