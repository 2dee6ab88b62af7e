"""Every threat has its tests, and docs/security.md says so."""

import ast
from functools import cache

import pytest

from tests.support.appliance import ROOT
from tests.support.threats_shown import gaps
from tests.threats.page import PAGE, THREATS, page_with_table

ROWS_OF_THE_MODEL = 63


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in tree.body if isinstance(each, kinds)}


def test_every_row_of_the_model_is_there_once() -> None:
    assert [threat.number for threat in THREATS] == list(range(1, ROWS_OF_THE_MODEL + 1))


def test_every_row_names_tests_and_all_of_them_exist() -> None:
    for threat in THREATS:
        assert threat.shown_by, threat.number
        for test in threat.shown_by:
            file, _, name = test.partition("::")
            assert name in names_in(file), f"S{threat.number}: {test}"


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_with_table()


@pytest.mark.parametrize(
    ("passed", "left_out", "expected"),
    [
        (["tests/a.py::test_one[x]", "tests/a.py::test_two"], [], []),
        (["tests/a.py::test_one[x]"], ["tests/a.py::test_two"], []),
        (["tests/a.py::test_one_more"], ["tests/a.py::test_two"], ["S9: a.py::test_one"]),
        ([], [], ["S9: a.py::test_one", "S9: a.py::test_two"]),
    ],
)
def test_what_was_not_run_is_told(
    passed: list[str], left_out: list[str], expected: list[str]
) -> None:
    shown = {"S9": ("a.py::test_one", "a.py::test_two")}
    assert gaps(shown, passed, left_out) == expected
