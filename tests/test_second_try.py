"""A whole run tries once more what may have failed by chance, and says so."""

from pathlib import Path

import pytest

from tests.support import inner_pytest

CHANCE = """
from pathlib import Path

import pytest
from hypothesis import given, strategies

def counted(name):
    tries = Path(name)
    tries.write_text((tries.read_text() if tries.exists() else "") + "x")
    return len(tries.read_text())

@pytest.fixture
def seen():
    yield []

@pytest.fixture
def leaves_badly():
    yield
    assert counted("leaves") > 1

def test_by_chance(seen, tmp_path):
    assert seen == [] and list(tmp_path.iterdir()) == []
    seen.append(1)
    assert counted("chance") == 2, "this was seen"

def test_at_the_end(leaves_badly):
    pass

def test_always():
    assert counted("always") == 0

@given(strategies.just(1))
def test_made_up(number):
    assert counted("made") == 4

def test_good():
    assert counted("good") == 1
"""
ONCE = "def test_a_kill():\n    raise AssertionError\n"


def run(folder: Path, *more: str) -> tuple[int, str]:
    (folder / "faults").mkdir()
    (folder / "test_chance.py").write_text(CHANCE)
    (folder / "faults/test_once.py").write_text(ONCE)
    return inner_pytest.run(folder, "second_try", *more)


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_what_passes_the_second_time_is_named_and_does_not_fail_the_run(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    code, said = run(tmp_path, "--second-try", "-k", "chance and (by or end or good)", *processes)
    assert code == 0, said
    assert "3 passed" in said
    assert "2 again" in said
    assert "failed at first: test_chance.py::test_by_chance (call)" in said
    assert "AssertionError: this was seen" in said
    assert "failed at first: test_chance.py::test_at_the_end (teardown)" in said


def test_what_fails_twice_fails_and_what_looks_for_chance_has_one_try(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--second-try", "-k", "always or made or kill")
    assert code == 1
    assert "3 failed" in said
    assert "1 again" in said
    assert "failed at first: test_chance.py::test_always" in said


def test_without_being_asked_nothing_is_tried_again(tmp_path: Path) -> None:
    code, said = run(tmp_path, "-k", "test_by_chance")
    assert code == 1
    assert "again" not in said


def test_where_much_fails_it_is_no_chance(tmp_path: Path) -> None:
    (tmp_path / "test_many.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_n(n):\n    assert n > 9\n"
    )
    code, said = run(tmp_path, "--second-try", "test_many.py")
    assert code == 1
    assert "9 failed" in said
    assert "3 again" in said
