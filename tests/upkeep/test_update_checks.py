"""What the checkup says of new releases."""

import json
from pathlib import Path

import pytest

from appliance.upkeep.checkup import Finding
from appliance.upkeep.update_checks import check_updates
from appliance.upkeep.update_journal import DAY, Known, Wish
from appliance.version import VERSION

NOW = 1_800_000_000.0
NEW = Known(version="9.0.0", read_at=NOW)


def look(data: Path, known: Known, *, automatic: bool = True) -> list[Finding]:
    known.note(data)
    answer = data / "answer.json"
    return list(check_updates(data, NOW, channel="/srv", automatic=automatic, answer=answer))


def test_without_a_channel_there_is_nothing_to_say(tmp_path: Path) -> None:
    NEW.note(tmp_path)
    assert not list(check_updates(tmp_path, NOW, channel="", automatic=True))


@pytest.mark.parametrize(
    ("known", "automatic", "level", "seen"),
    [
        (Known(), True, "good", f"{VERSION} is the newest"),
        (Known(version=VERSION), True, "good", f"{VERSION} is the newest"),
        (NEW, True, "good", "9.0.0 will be installed by itself"),
        (NEW, False, "warn", "9.0.0 waits for you"),
        (
            Known(version="9.0.0", tried="9.0.0", tried_failure="no room"),
            True,
            "warn",
            "9.0.0 could not be installed: no room",
        ),
        (Known(read_at=NOW - DAY, failure="away"), True, "good", "is the newest"),
        (Known(read_at=NOW - 4 * DAY, failure="away"), True, "warn", "cannot be read: away"),
    ],
)
def test_what_is_known_is_told(
    tmp_path: Path, known: Known, automatic: bool, level: str, seen: str
) -> None:
    (found,) = look(tmp_path, known, automatic=automatic)
    assert found.level == level
    assert seen in found.seen


def test_a_release_that_was_not_kept_is_told_with_the_reason(tmp_path: Path) -> None:
    answer = {"version": "9.0.0", "state": "back", "reason": "it ended at once", "at": NOW}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    (found,) = look(tmp_path, NEW)
    assert (found.level, found.seen) == ("warn", "9.0.0 was not kept: it ended at once")


def test_releases_that_are_waited_with_are_told(tmp_path: Path) -> None:
    Wish().note(tmp_path, held_until=-1.0)
    (found,) = look(tmp_path, NEW)
    assert "waits for you" in found.seen
