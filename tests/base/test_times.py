"""Times as people say them: how long ago, and how long to wait."""

import pytest

from appliance.base.strings import Strings
from appliance.base.times import When

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (-3600, "within minutes"),
        (0, "within minutes"),
        (299, "within minutes"),
        (1800, "in 30 minutes"),
        (3600, "in 60 minutes"),
        (5400, "in 2 hours"),
        (19 * 3600 + 100, "in 19 hours"),
        (5 * 86_400, "20 January 2027"),
    ],
)
def test_what_is_to_come_is_said_by_how_long_that_is(wait: float, said: str) -> None:
    written = When(Strings.load(), lambda: NOW).ahead(NOW + wait)
    assert written.striptags() == said
    assert "UTC" in written
