"""docs/security.md names tests that exist, and leaves out no row of the threat model."""

import re

from tests.support.appliance import ROOT

TABLE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS_OF_THE_MODEL = 63


def test_every_named_test_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)
    assert len(named) > 80
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), name
    for file in re.findall(r"`(tests/[\w/]+\.py)`", TABLE):
        assert (ROOT / file).exists(), file


def test_every_row_is_shown_or_said_to_be_left() -> None:
    numbers = [int(number) for number in re.findall(r"\bS(\d+)\b", TABLE)]
    assert sorted(numbers) == list(range(1, ROWS_OF_THE_MODEL + 1))
