"""Room on the disk: little is left, too little, enough again; and the reserve."""

import errno
from pathlib import Path

import pytest

from appliance.base.room import LEAST, MIB, RESERVE, NoRoom, Reserve, Room, named

LARGE = 64_000 * MIB
SMALL = 200 * MIB


class Disk:
    """A disk whose free bytes are set by hand."""

    def __init__(self, whole: int, free: int) -> None:
        self.whole = whole
        self.free = free
        self.now = 0.0

    def measure(self, _folder: Path) -> tuple[int, int]:
        return self.free, self.whole

    def room(self, folder: Path) -> Room:
        return Room(folder, self.measure, lambda: self.now)


@pytest.mark.parametrize(("whole", "least"), [(LARGE, LEAST), (SMALL, SMALL // 20)])
def test_there_is_room_while_enough_is_left(tmp_path: Path, whole: int, least: int) -> None:
    disk = Disk(whole, least)
    room = disk.room(tmp_path)
    room.require()
    disk.free -= 1
    room.require()  # a look a second ago still holds
    disk.now = 1.0
    with pytest.raises(NoRoom):
        room.require()
    disk.now, disk.free = 2.0, least + 1
    assert room.is_short, "it would be short and ample in turn"
    disk.now, disk.free = 3.0, 2 * least
    assert not room.is_short


def test_the_reserve_is_given_away_when_the_disk_is_full_and_taken_back(tmp_path: Path) -> None:
    disk = Disk(SMALL, SMALL // 2)
    reserve, path = Reserve(tmp_path, disk.measure), tmp_path / "reserve"
    reserve.look()
    assert path.stat().st_size == SMALL // 40
    assert path.stat().st_blocks * 512 >= SMALL // 40
    disk.free = SMALL // 20
    reserve.look()
    assert path.exists()
    disk.free = SMALL // 100
    reserve.look()
    assert not path.exists()
    disk.free = SMALL // 20
    reserve.look()
    assert not path.exists(), "it would be made and given away in turn"
    disk.free = SMALL // 2
    reserve.look()
    assert path.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["reserve"]


def test_the_reserve_of_a_large_disk_is_a_small_part_of_it(tmp_path: Path) -> None:
    Reserve(tmp_path, Disk(LARGE, LARGE).measure).look()
    assert (tmp_path / "reserve").stat().st_size == RESERVE


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_file_that_finds_no_room_is_called_so(number: int) -> None:
    with pytest.raises(NoRoom), named():
        raise OSError(number, "full")
    with pytest.raises(PermissionError), named():
        raise PermissionError(errno.EACCES, "no")
