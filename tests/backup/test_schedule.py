"""When a backup is due, and when a proof."""

import time
from pathlib import Path

import pytest

from appliance.backup import take
from appliance.backup.engine import BackupFailed
from appliance.backup.schedule import Schedule, due
from appliance.settings import Settings, load
from appliance.upkeep.backup_journal import CourseFile, Journal
from appliance.upkeep.backup_times import AFTER_CUT, DAY, HOUR, TOO_OLD, next_at

NOW = 1_800_000_000.0
AT = time.localtime(NOW).tm_hour
LATER = (AT + 5) % 24


def settings_of(data: Path) -> Settings:
    values = {"backup.target": "/srv/backups", "backup.hour": LATER}
    return load(data, {}).with_values(values)


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


@pytest.mark.parametrize("taken_at", [0.0, NOW - 25 * HOUR], ids=["the first", "a later one"])
def test_what_a_restart_has_cut_off_is_due_soon_after_the_start(taken_at: float) -> None:
    began = NOW
    cut = Journal(taken_at=taken_at, tried_at=began - 20, proven_at=NOW)
    assert due(cut, LATER, began + AFTER_CUT - 1, began=began, cut=True) is None
    assert due(cut, LATER, began + AFTER_CUT, began=began, cut=True) == "now"
    # Somebody is at it, or it failed.
    assert due(cut, LATER, began + AFTER_CUT, began=began, cut=False) is None
    # A fresh one is there: what somebody asked for beside is not begun anew.
    fresh = Journal(taken_at=NOW - 2 * HOUR, tried_at=NOW - 20, proven_at=NOW)
    assert due(fresh, LATER, began + AFTER_CUT, began=began, cut=True) is None


def test_what_is_cut_off_again_and_again_is_begun_more_and_more_seldom() -> None:
    pauses = [
        next_at(Journal(tried_at=NOW, cut_off=count), LATER, NOW, began=NOW, cut=True) - NOW
        for count in range(7)
    ]
    assert pauses == [180, 360, 720, 1440, 2880, 3600, 3600]


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        (Journal(), 0),
        (Journal(tried_at=NOW - 60, failure="no room"), HOUR - 60),
        (Journal(taken_at=NOW - 2 * DAY), 0),
        (Journal(taken_at=NOW - 2 * DAY, tried_at=NOW - 60, failure="no room"), HOUR - 60),
        (Journal(taken_at=NOW - 27 * HOUR, tried_at=NOW - 60), TOO_OLD - 27 * HOUR),
    ],
    ids=["never", "first failed", "overslept", "overslept and failed", "failed at its hour"],
)
def test_when_the_next_comes_is_known(journal: Journal, expected: float) -> None:
    assert max(next_at(journal, LATER, NOW, cut=False), NOW) - NOW == expected


def test_the_next_comes_at_its_hour() -> None:
    taken = Journal(taken_at=NOW - HOUR)
    moment = next_at(taken, AT, NOW, cut=False)
    assert time.localtime(moment).tm_hour == AT
    assert NOW + 19 * HOUR <= moment <= NOW + DAY
    assert due(taken, AT, moment - 1) == "prove"
    assert due(taken, AT, moment) == "now"


def test_a_try_is_cut_off_once_nobody_is_at_it(tmp_path: Path) -> None:
    begun = Journal(tried_at=NOW).note(tmp_path)
    course = CourseFile(tmp_path, "now")
    course.show("storing", 0.5)
    assert not begun.is_cut_off(tmp_path)
    course.end()
    assert begun.is_cut_off(tmp_path)
    assert not begun.note(tmp_path, failure="no room").is_cut_off(tmp_path)
    assert not begun.note(tmp_path, taken_at=NOW + 1).is_cut_off(tmp_path)


def test_tries_that_come_to_no_end_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: BaseException = KeyboardInterrupt()

    def engine(_settings: Settings) -> None:
        raise ends

    monkeypatch.setattr(take, "engine_of", engine)
    for count in range(3):
        with pytest.raises(KeyboardInterrupt):
            take.take(settings_of(tmp_path), lambda _what, _share: None)
        assert Journal.read(tmp_path).cut_off == count
    ends = BackupFailed("no room", "some", "make some")
    for count in (3, 0):
        with pytest.raises(BackupFailed):
            take.take(settings_of(tmp_path), lambda _what, _share: None)
        assert Journal.read(tmp_path).cut_off == count


async def test_the_network_that_was_started_anew_takes_what_its_end_has_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def run(_what: str, action: str, _data: Path) -> bool:
        done.append(action)
        return True

    monkeypatch.setattr("appliance.backup.schedule.run_command", run)
    Journal(tried_at=NOW - 20).note(tmp_path)
    clock = [NOW]
    schedule = Schedule(settings_of(tmp_path), lambda: clock[0])
    await schedule.look()
    assert not done
    clock[0] += AFTER_CUT
    await schedule.look()
    assert done == ["now"]
