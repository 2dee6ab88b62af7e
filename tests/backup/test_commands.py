"""`hearth backup due`, as the timer of systemd calls it."""

import fcntl
import time
from argparse import Namespace
from pathlib import Path

import pytest

from appliance.backup import commands
from appliance.backup.take import Progress
from appliance.settings import Settings
from appliance.upkeep import backup_journal
from appliance.upkeep.backup_journal import Course, CourseFile, Journal

HOUR = 3600.0
DAY = 24 * HOUR


class Box:
    """A data folder, and what was taken or proven of it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.done: list[str] = []
        self.said: list[str] = []

    def take(self, settings: Settings, _progress: Progress) -> str:
        self.done.append("now")
        Journal.read(settings.paths.data).note(settings.paths.data, taken_at=time.time())
        return "0a1b"

    def ask(self) -> str:
        """Call the command as the timer does; give the line that it says."""
        self.said.clear()
        assert commands.run(Namespace(action="due", data=str(self.data)), self.said.append) == 0
        (line,) = self.said
        return line


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    found = Box(tmp_path)
    monkeypatch.setattr(commands, "take", found.take)
    monkeypatch.setenv("HEARTH_BACKUP_TARGET", "/srv/backups")
    later = (time.localtime().tm_hour + 5) % 24
    monkeypatch.setenv("HEARTH_BACKUP_HOUR", str(later))
    return found


def test_a_stopped_network_is_backed_up_once(box: Box) -> None:
    assert box.ask() == "backup 0a1b is taken"
    # The week after is for the proof, whose own tests are elsewhere.
    Journal.read(box.data).note(box.data, proven_at=time.time())
    assert box.ask() == "no backup is due: the last was begun 0 hours ago"
    assert box.done == ["now"]


def test_without_a_place_or_its_disk_nothing_is_done(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTH_BACKUP_TARGET", "usb:NOWHERE")
    assert box.ask() == "no backup: the disk for it is not there"
    monkeypatch.setenv("HEARTH_BACKUP_TARGET", "")
    assert "backup.target names no place" in box.ask()
    assert not box.done


def test_what_was_asked_for_on_the_panel_is_done_though_the_network_has_gone(box: Box) -> None:
    Journal(taken_at=time.time(), proven_at=time.time()).note(box.data)
    backup_journal.ask(box.data, "now")
    assert "is taken" in box.ask()
    assert backup_journal.asked(box.data) is None


def test_what_the_running_network_begins_is_left_to_it(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begins(_settings: Settings, begun: object) -> bool:
        assert callable(begun)
        assert not begun()
        Journal.read(box.data).note(box.data, tried_at=time.time())
        return bool(begun())

    monkeypatch.setattr(commands, "is_taken_up", begins)
    assert box.ask() == commands.IN_HAND
    assert not box.done


def test_what_somebody_takes_by_hand_is_not_taken_beside_it(box: Box) -> None:
    backup_journal.ask(box.data, "now")
    with (box.data / backup_journal.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert box.ask() == "a backup is being taken or proven already"
    assert not box.done
    # What was asked for is still to be done.
    assert backup_journal.asked(box.data) == "now"


def test_a_try_that_a_crash_has_cut_off_is_not_waited_for(box: Box) -> None:
    now = time.time()
    Journal(taken_at=now - 2 * DAY, tried_at=now - 60, proven_at=now).note(box.data)
    course = CourseFile(box.data, "now")
    course.show("storing", 0.5)
    assert "no backup is due" in box.ask()  # somebody is at it
    course.end()
    assert Course.read(box.data) is None
    Journal.read(box.data).note(box.data, failure="no room")
    assert "no backup is due" in box.ask()  # it failed: again in an hour
    Journal.read(box.data).note(box.data, failure="")
    assert "is taken" in box.ask()
