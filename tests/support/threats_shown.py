"""After a whole run: every test that stands for a threat was run and passed, or left out by name.

What is left out are the groups that `tools/test.sh` names, where a machine cannot run them.
"""

from collections.abc import Iterable, Mapping

import pytest

from tests.support.answered import WHOLE_RUN
from tests.threats.page import THREATS


def gaps(
    shown: Mapping[str, Iterable[str]], passed: Iterable[str], left_out: Iterable[str]
) -> list[str]:
    """Name the tests that neither passed nor were left out; ids may have parameters."""
    known = {each.removeprefix("tests/").partition("[")[0] for each in (*passed, *left_out)}
    return [f"{row}: {test}" for row, tests in shown.items() for test in tests if test not in known]


class ThreatsShown:
    """A plugin: a whole run fails in which a threat's test is missing."""

    def __init__(self) -> None:
        self._left_out: list[str] = []
        self._problems: list[str] = []

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note what the markers leave out."""
        self._left_out += [item.nodeid for item in items]

    def pytest_testnodedown(self, node: object) -> None:
        """Hear what a process of tests has left out."""
        self._left_out += getattr(node, "workeroutput", {}).get("left_out", ())

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell it to the process that gathers, or judge."""
        told = getattr(session.config, "workeroutput", None)
        if told is not None:
            told["left_out"] = self._left_out
            return
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        passed = terminal.stats.get("passed", ()) if terminal is not None else ()
        if len(passed) < WHOLE_RUN:
            return
        shown = {f"S{threat.number}": threat.shown_by for threat in THREATS}
        self._problems = gaps(shown, [report.nodeid for report in passed], self._left_out)
        if self._problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which."""
        for each in self._problems:
            terminalreporter.write_line(f"a threat's test has not passed: {each}", red=True)
