"""`pytest -m long`: says how far it is and how long it will take, and goes on where it was ended.

What passed is remembered for as long as the program stays as it is; `--anew` begins again.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

KEY = "hearth/long"
ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a campaign begin from nothing."""
    parser.addoption("--anew", action="store_true", help="run also what passed before (-m long)")


class Campaigns:
    """A plugin for runs of long tests alone."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._program = program()
        self._cache: pytest.Cache | None = getattr(config, "cache", None)
        known = self._cache.get(KEY, {}) if self._cache else {}
        keeps = known.get("program") == self._program and not config.getoption("--anew")
        # How long each took that passed, by its name.
        self.passed: dict[str, float] = known["passed"] if keeps else {}
        self._to_do: list[str] = []
        self._in_all = 0
        self._begun = time.monotonic()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what passed already."""
        done = [item for item in items if item.nodeid in self.passed]
        items[:] = [item for item in items if item.nodeid not in self.passed]
        self._config.hook.pytest_deselected(items=done)
        self._to_do = [item.nodeid for item in items]
        self._in_all = len(items) + len(done)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which comes now, and how much is left."""
        number = self._in_all - len(self._to_do) + 1
        gone = time.monotonic() - self._begun
        left = seconds_left(self._to_do, self.passed)
        about = "nobody knows yet for how long" if left is None else f"about {clock(left)} to go"
        self._say(f"\n[{number} of {self._in_all}] {nodeid}; {clock(gone)} so far, {about}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember at once what passed: the run may be ended at any time."""
        if report.when == "call" and report.passed:
            self.passed[report.nodeid] = round(report.duration, 1)
            if self._cache:
                told = {"program": self._program, "passed": self.passed}
                self._cache.set(KEY, told)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """One fewer."""
        self._to_do.remove(nodeid)

    def _say(self, text: str) -> None:
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(text)


def pytest_configure(config: pytest.Config) -> None:
    """Take part where long tests are asked for, and nothing else, one after another."""
    if config.option.markexpr.strip() == "long" and not getattr(config.option, "numprocesses", 0):
        config.pluginmanager.register(Campaigns(config), "campaigns")


def program() -> str:
    """Sum up the source of what is tested."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "appliance").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def seconds_left(to_do: Iterable[str], passed: Mapping[str, float]) -> float | None:
    """Guess from others of the same kind, else from all; None where nothing has passed yet."""
    if not passed:
        return None
    kinds: dict[str, list[float]] = defaultdict(list)
    for nodeid, seconds in passed.items():
        kinds[nodeid.partition("[")[0]].append(seconds)
    usual = sum(passed.values()) / len(passed)
    return sum(
        sum(of) / len(of) if (of := kinds.get(nodeid.partition("[")[0])) else usual
        for nodeid in to_do
    )


def clock(seconds: float) -> str:
    """Write hours and minutes."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02} h"
