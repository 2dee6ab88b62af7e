"""What archives on their way out hold, all together."""

import gc
from pathlib import Path

import pytest

from appliance.pds import out_tray
from appliance.pds.out_tray import NoRoomForArchive, OutTray

GIB = 1024**3


def tray(folder: Path, free: int = GIB) -> OutTray:
    return OutTray(folder, lambda _: (free, GIB))


def test_small_archives_are_in_memory_as_long_as_they_are_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_tray, "IN_MEMORY", 5_000)
    tray_ = tray(tmp_path)
    files = [tray_.open() for _ in range(20)]
    for number, file in enumerate(files):
        for _ in range(10):
            file.write(bytes([number]) * 100)
        file.seek(0)
    assert (tray_.in_memory, tray_.in_files) == (5_000, 15_000)
    assert [file.read() for file in files] == [bytes([number]) * 1000 for number in range(20)]
    for file in files:
        file.close()
        file.close()
    assert (tray_.in_memory, tray_.in_files) == (0, 0)


def test_large_ones_go_on_in_a_file_where_they_are(tmp_path: Path) -> None:
    tray_ = tray(tmp_path)
    with tray_.open() as file:
        file.write(b"a" * 600_000)
        file.seek(0)
        assert file.read(2) == b"aa"
        assert file.seek(0, 2) == file.tell() == 600_000
        file.write(b"b" * 600_000)
        assert (tray_.in_memory, tray_.in_files) == (0, 1_200_000)
        file.seek(0)
        assert file.read() == b"a" * 600_000 + b"b" * 600_000
        # What is written over takes no more.
        file.seek(0)
        file.write(b"c" * 1000)
        assert tray_.in_files == 1_200_000
    assert list(tmp_path.iterdir()) == []


def test_they_leave_the_disk_its_room_but_for_one_alone(tmp_path: Path) -> None:
    tray_ = tray(tmp_path, free=3_000_000)
    first = tray_.open()
    first.write(bytes(2_000_000))
    second = tray_.open()
    with pytest.raises(NoRoomForArchive, match="no room left"):
        second.write(bytes(1_500_000))
    second.close()
    first.write(bytes(6_000_000))
    first.close()
    with tray_.open() as third:
        third.write(bytes(1_500_000))
    assert tray_.in_files == 0


def test_what_is_forgotten_is_given_back(tmp_path: Path) -> None:
    tray_ = tray(tmp_path)
    tray_.open().write(bytes(1000))
    tray_.open().write(bytes(2_000_000))
    gc.collect()
    assert (tray_.in_memory, tray_.in_files) == (0, 0)
