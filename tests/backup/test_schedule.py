"""When a backup is due, and when a proof."""

import time

import pytest

from appliance.backup.schedule import DAY, HOUR, due
from appliance.upkeep.backup_journal import Journal

NOW = 1_800_000_000.0
AT = time.localtime(NOW).tm_hour
LATER = (AT + 5) % 24


@pytest.mark.parametrize(
    ("journal", "hour", "expected"),
    [
        (Journal(), LATER, "now"),
        (Journal(taken_at=NOW - HOUR, proven_at=NOW), AT, None),
        (Journal(taken_at=NOW - 23 * HOUR, proven_at=NOW), LATER, None),
        (Journal(taken_at=NOW - 23 * HOUR, proven_at=NOW), AT, "now"),
        (Journal(taken_at=NOW - 2 * DAY), LATER, "now"),
        (Journal(taken_at=NOW - 2 * DAY, tried_at=NOW - 60), LATER, None),
        (Journal(taken_at=NOW - 2 * DAY, tried_at=NOW + DAY), LATER, "now"),
        (Journal(taken_at=NOW - HOUR, proven_at=NOW - 8 * DAY), LATER, "prove"),
        (Journal(taken_at=NOW - HOUR, proven_at=NOW - DAY), LATER, None),
        (Journal(taken_at=NOW - HOUR, proof_tried_at=NOW - HOUR), LATER, None),
        (Journal(taken_at=NOW - HOUR), LATER, "prove"),
    ],
    ids=[
        "never taken",
        "just taken",
        "not the hour",
        "the hour",
        "overslept",
        "failed just now",
        "tried in the future, by a wrong clock",
        "long not proven",
        "proven",
        "proof failed just now",
        "never proven",
    ],
)
def test_what_is_due(journal: Journal, hour: int, expected: str | None) -> None:
    assert due(journal, hour, NOW) == expected
