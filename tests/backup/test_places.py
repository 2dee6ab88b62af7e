"""Disks by the name that is written on them; backups wait until one is plugged in."""

from pathlib import Path

import pytest

from appliance.backup import schedule
from appliance.backup.engine import BackupFailed
from appliance.backup.places import Disks
from appliance.backup.schedule import Schedule
from appliance.settings import Settings, defaults
from appliance.upkeep.backup_journal import Course, CourseFile, Journal, ask, asked


def disks(folder: Path, *, plugged_in: bool = True) -> Disks:
    udev, mounts = folder / "udev", folder / "mountinfo"
    udev.mkdir(exist_ok=True)
    (udev / "b8:1").write_text("I:1\nE:ID_FS_LABEL=root\nE:ID_FS_UUID=0000-1111\n")
    (udev / "b8:17").write_text("E:ID_FS_LABEL=Copies\nE:ID_FS_UUID=ABCD-1234\n")
    lines = ["22 1 8:1 / / rw - ext4 /dev/sda1 rw"]
    if plugged_in:
        lines.append(r"40 22 8:17 / /media/The\040Stick rw - vfat /dev/sdb1 rw")
    mounts.write_text("\n".join(lines) + "\n")
    return Disks(mounts, udev)


@pytest.mark.parametrize("name", ["Copies", "copies", "ABCD-1234", "abcd-1234"])
def test_a_disk_is_found_by_label_or_uuid(tmp_path: Path, name: str) -> None:
    found = disks(tmp_path)
    assert found.is_there(f"usb:{name}")
    assert found.place(f"usb:{name}") == "/media/The Stick/hearth-backup"


def test_every_other_place_is_what_it_is_called(tmp_path: Path) -> None:
    found = disks(tmp_path, plugged_in=False)
    for target in ("/mnt/disk", "sftp:me@host:/x", "rest:https://host/x"):
        assert found.place(target) == target
        assert found.is_there(target)


def test_a_disk_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="no disk called Copies is plugged in"):
        disks(tmp_path, plugged_in=False).place("usb:Copies")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    async def run(_what: str, action: str, _data: Path) -> bool:
        found.append(action)
        return True

    monkeypatch.setattr(schedule, "run_command", run)
    return found


def settings_of(data: Path) -> Settings:
    return defaults("home", data).with_values({"backup.target": "usb:Copies"})


async def test_a_backup_waits_until_its_disk_is_there(tmp_path: Path, begun: list[str]) -> None:
    await Schedule(settings_of(tmp_path), disks=disks(tmp_path, plugged_in=False)).look()
    assert begun == []
    assert Journal.read(tmp_path) == Journal()
    await Schedule(settings_of(tmp_path), disks=disks(tmp_path)).look()
    assert begun == ["now"]


async def test_what_is_asked_for_begins_at_once_and_once(tmp_path: Path, begun: list[str]) -> None:
    watch = Schedule(settings_of(tmp_path), lambda: 1000.0, disks(tmp_path))
    Journal().note(tmp_path, taken_at=1000.0, proven_at=1000.0)
    await watch.look()
    ask(tmp_path, "prove")
    assert asked(tmp_path) == "prove"
    await watch.look()
    await watch.look()
    assert begun == ["prove"]
    assert asked(tmp_path) is None


def test_how_far_it_is_can_be_read_while_it_runs_only(tmp_path: Path) -> None:
    course = CourseFile(tmp_path, "now")
    assert Course.read(tmp_path) is None
    course.show("storing", 0.25)
    course.show("storing", 0.5)  # too soon to be told
    told = Course.read(tmp_path)
    assert told is not None
    assert (told.action, told.what, told.share) == ("now", "storing", 0.25)
    course.end()
    assert Course.read(tmp_path) is None
    (tmp_path / "backup-course.json").write_text(
        '{"action": "now", "what": "storing", "share": 0.5, "process": 4194305}'
    )
    assert Course.read(tmp_path) is None


def test_what_another_version_noted_beside_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "backups.json").write_text('{"taken_at": 7.0, "of_the_future": 1}')
    assert Journal.read(tmp_path) == Journal(taken_at=7.0)
