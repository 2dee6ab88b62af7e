"""`--second-try`: what fails in a whole run is run once more, and named even where it passes then.

Some 7,500 tests over real sockets, processes and browsers on a machine that others use, too: now
and then one fails by chance. Whoever passes the second time does not fail the run, but stands in
its summary with what was seen the first time, as a fault to be found. There is no second try for
what looks for faults by chance itself, nor where much fails.
"""

import time
from pathlib import PurePath
from typing import Final

import pytest
from _pytest.runner import runtestprotocol

# Kills, power cuts, nonsense: failing once in a thousand is what they are there to show.
ONCE_ONLY: Final = {"faults", "fuzz", "model", "moving", "threats"}
# In each process of tests.
MOST: Final = 3
# Both tries together have to end before a test counts as hanging.
LONGEST_FIRST_SECONDS: Final = 240.0
AGAIN: Final = "again"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for it."""
    parser.addoption("--second-try", action="store_true", help="run what fails once more")


def pytest_configure(config: pytest.Config) -> None:
    """Take part where it is asked for."""
    if config.getoption("--second-try"):
        config.pluginmanager.register(SecondTry(), "second try")


class SecondTry:
    """A plugin, in the process that gathers and in those that test."""

    def __init__(self) -> None:
        self._left = MOST

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test as always, and once more where that may be."""
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        begun = time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        took = time.monotonic() - begun
        failed = [report for report in reports if report.failed]
        if failed and self._left and took < LONGEST_FIRST_SECONDS and may_be_chance(item):
            self._left -= 1
            for report in failed:
                report.outcome = AGAIN  # type: ignore[assignment]
                item.ihook.pytest_runtest_logreport(report=report)
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count a first try for itself."""
        return (AGAIN, "A", "AGAIN") if is_first(report) else None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what every first try said, before the last line."""
        for report in terminalreporter.stats.get(AGAIN, ()):
            terminalreporter.section(f"failed at first: {report.nodeid} ({report.when})")
            terminalreporter.write_line(report.longreprtext)


def is_first(report: pytest.TestReport) -> bool:
    """Tell whether what failed here is tried again."""
    outcome: str = report.outcome
    return outcome == AGAIN


def may_be_chance(item: pytest.Item) -> bool:
    """Tell whether a test is of those that meet chance without looking for it."""
    folders = PurePath(item.nodeid.partition("::")[0]).parts
    return not ONCE_ONLY & set(folders) and item.get_closest_marker("hypothesis") is None
