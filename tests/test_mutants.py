"""The bugs kept as patches still fit the program; tools/mutants.py sees whether tests find them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module
    spec.loader.exec_module(module)
    return module


RUNNER = runner()
MUTANTS = RUNNER.mutants()


def test_there_are_at_least_forty() -> None:
    assert len(MUTANTS) >= 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_fits_the_program_and_names_tests_that_are_there(mutant: object) -> None:
    assert RUNNER.applies(mutant, ROOT)
    for test in mutant.tests:  # type: ignore[attr-defined]
        assert (ROOT / test).exists()


@pytest.mark.long
def test_every_bug_is_found() -> None:
    assert RUNNER.main([], sound=False) == 0
