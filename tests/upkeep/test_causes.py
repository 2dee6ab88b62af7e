"""Causes: each has a name and words, and what follows from another is not told beside it."""

import ast
import re

import pytest

from appliance.upkeep.causes import CAUSES, FOLLOWS, STOPS, in_the_way, told_apart
from appliance.upkeep.checkup import Finding
from tests.support.appliance import ROOT


def found(*causes: str) -> list[Finding]:
    return [Finding(cause, "bad", "seen", "expected", "remedy", cause) for cause in causes]


def test_what_follows_from_another_cause_is_left_out() -> None:
    told = told_apart(found("port-closed", "relay-offline", "handle-resolve", "disk-low"))
    assert [each.cause for each in told] == ["port-closed", "disk-low"]


def test_what_stands_alone_is_told() -> None:
    alone = found("relay-offline", "handle-resolve", "backup-old")
    assert told_apart(alone) == alone
    well = [Finding("Names", "good", "they lead here", cause="dns-name")]
    assert told_apart([*well, *alone]) == [*well, *alone]


def test_a_step_is_stopped_by_what_has_to_be_mended_before_it() -> None:
    stop = in_the_way("move-in", found("backup-old", "port-closed"))
    assert stop is not None
    assert stop.cause == "port-closed"
    assert in_the_way("move-out", found("backup-old", "port-closed")) is None
    assert in_the_way("export", found("clock-wrong")) is None
    assert in_the_way("move-in", [Finding("Disk", "warn", "little", cause="disk-low")]) is None
    assert all(causes <= CAUSES.keys() for causes in STOPS.values())


def test_nothing_is_left_out_in_a_circle() -> None:
    for cause, behind in FOLLOWS.items():
        for other in behind:
            assert cause not in FOLLOWS.get(other, ()), (cause, other)
            assert other in CAUSES


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_is_found_by_something(cause: str) -> None:
    sources = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "appliance").rglob("*.py")
        if path.name != "causes.py"
    )
    prefix = cause.partition("-")[0]
    assert f'"{cause}"' in sources or f'"{prefix}-{{' in sources


def test_every_cause_that_is_told_has_words() -> None:
    told = set()
    for path in (ROOT / "appliance").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_finding = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
            if is_finding and isinstance(node, ast.Call) and len(node.args) == 6:
                last = node.args[5]
                if isinstance(last, ast.Constant):
                    told.add(last.value)
    assert len(told) > 30
    assert told <= CAUSES.keys()


def test_the_table_in_the_documentation_names_every_cause_and_its_test() -> None:
    text = (ROOT / "docs" / "doctor.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|", text, re.MULTILINE))
    assert rows == dict(CAUSES)
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", text):
        assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8"), name
