"""What the design asks of an AppView is there: every endpoint served, every semantic tested."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from appliance.atproto.xrpc.methods import MethodTable
from tests.support.appview_audit import NAMED, SEMANTICS

HERE = Path(__file__).parent


def served(role: str) -> set[str]:
    package = import_module(f"appliance.{role}.xrpc")
    tables = (
        getattr(import_module(module.name), "methods", None)
        for module in iter_modules(package.__path__, f"{package.__name__}.")
    )
    return {nsid for table in tables if isinstance(table, MethodTable) for nsid in table.methods}


def test_every_endpoint_of_the_design_has_a_method() -> None:
    assert len(NAMED) == len(set(NAMED)) > 120
    assert set(NAMED) - served("pds") - served("appview") == set()


def test_every_semantic_of_the_design_names_tests_that_are_there() -> None:
    assert len({semantic.what for semantic in SEMANTICS}) == len(SEMANTICS) > 30
    for what, tests in SEMANTICS:
        assert tests, what
        for test in tests:
            file, _, function = test.partition(": ")
            text = (HERE / f"{file}.py").read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {function}\(", text, re.MULTILINE), test
