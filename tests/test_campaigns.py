"""Long runs are told while they go on, and go on where they were ended."""

from pathlib import Path

from tests.support import inner_pytest
from tests.support.campaigns import clock, seconds_left

SEEDS = """
import pathlib, pytest

@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_seed(seed):
    if seed == 2:
        assert pathlib.Path("mended").exists()

def test_short():
    assert False
"""


def run(folder: Path, *more: str) -> str:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = long: many seeds\n")
    (folder / "test_seeds.py").write_text(SEEDS)
    return inner_pytest.run(folder, "campaigns", "-m", "long", *more)[1]


def test_what_passed_is_not_run_again_unless_it_is_said(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert "[1 of 3] test_seeds.py::test_seed[1]; 0:00 h so far, nobody knows" in said
    assert "[3 of 3] test_seeds.py::test_seed[3]; 0:00 h so far, about 0:00 h to go" in said
    assert "1 failed, 2 passed" in said
    (tmp_path / "mended").touch()
    said = run(tmp_path)
    assert "[3 of 3] test_seeds.py::test_seed[2]" in said
    assert "1 passed" in said
    assert "3 passed" in run(tmp_path, "--anew")


def test_the_time_left_is_guessed_by_kind() -> None:
    passed = {"a.py::test_kill[1]": 100.0, "a.py::test_kill[2]": 200.0, "b.py::test_cut[1]": 30.0}
    assert seconds_left(["a.py::test_kill[3]", "b.py::test_cut[2]"], passed) == 180.0
    assert seconds_left(["c.py::test_new"], passed) == 110.0
    assert seconds_left(["c.py::test_new"], {}) is None
    assert clock(7_384) == "2:03 h"
