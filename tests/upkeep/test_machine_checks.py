"""What the kernel tells of memory, mounts and wear, and what is made of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.upkeep.machine_checks import Machine


def machine(path: Path, **told: str) -> Machine:
    proc, sys = path / "proc", path / "sys"
    (proc / "self").mkdir(parents=True)
    device = sys / "block" / "mmcblk0" / "device"
    device.mkdir(parents=True)
    (proc / "meminfo").write_text(told.get("meminfo", "MemAvailable:  900000 kB\n"))
    (proc / "self" / "mounts").write_text(told.get("mounts", "/dev/a / ext4 rw,noatime 0 0\n"))
    (device / "life_time").write_text(told.get("life", "0x01 0x02\n"))
    return Machine(proc, sys)


def test_a_fit_machine_is_not_spoken_of(tmp_path: Path) -> None:
    assert list(machine(tmp_path).look(tmp_path)) == []


def test_where_the_kernel_tells_nothing_nothing_is_said(tmp_path: Path) -> None:
    assert list(Machine(tmp_path / "none", tmp_path / "none").look(tmp_path)) == []


@pytest.mark.parametrize(
    ("told", "level", "seen"),
    [
        ({"meminfo": "MemTotal: 500000 kB\nMemAvailable: 20480 kB\n"}, "warn", "20 MB are free"),
        ({"life": "0x09 0x01\n"}, "warn", "90 %"),
        ({"life": "0x0b 0x01\n"}, "bad", "100 %"),
        ({"mounts": "/dev/a / ext4 ro,noatime 0 0\n"}, "bad", "can only be read"),
    ],
)
def test_what_is_not_well_is_named(
    tmp_path: Path, told: dict[str, str], level: str, seen: str
) -> None:
    (finding,) = machine(tmp_path, **told).look(tmp_path)
    assert finding.level == level
    assert seen in finding.seen
    assert finding.expected
    assert finding.remedy


def test_errors_of_a_file_system_are_counted(tmp_path: Path) -> None:
    found = machine(tmp_path)
    for name, count in (("sda1", "0\n"), ("mmcblk0p2", "3\n")):
        (found.sys / "fs" / "ext4" / name).mkdir(parents=True)
        (found.sys / "fs" / "ext4" / name / "errors_count").write_text(count)
    (finding,) = found.look(tmp_path)
    assert (finding.cause, finding.subject) == ("disk-errors", "Disk mmcblk0p2")


def test_a_second_program_that_writes_is_told_and_one_that_reads_is_not(tmp_path: Path) -> None:
    (tmp_path / "pds.sqlite").write_bytes(b"")
    program = "import sys; f = open(sys.argv[1], sys.argv[2]); print(flush=True); input()"

    def run(mode: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", program, str(tmp_path / "pds.sqlite"), mode]
        running = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert running.stdout is not None
        running.stdout.readline()
        return running

    def causes() -> list[str]:
        return [each.cause for each in Machine().look(tmp_path) if each.cause == "two-processes"]

    programs = [run("rb"), run("r+b")]
    try:
        assert causes() == []
        programs.append(run("r+b"))
        assert causes() == ["two-processes"]
    finally:
        for each in programs:
            each.communicate(b"\n", timeout=60)


def test_the_mount_that_counts_is_the_one_nearest_to_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space" / "data"
    folder.mkdir(parents=True)
    place = str(tmp_path / "with space").replace(" ", r"\040")
    mounts = f"/dev/a / ext4 rw 0 0\nnas:/x {place} nfs4 rw 0 0\nnas:/y /elsewhere cifs ro 0 0\n"
    (finding,) = machine(tmp_path / "told", mounts=mounts).look(folder)
    assert "nfs4" in finding.seen
    local = f"nas:/x / nfs4 rw 0 0\n/dev/a {place} ext4 rw 0 0\n"
    assert list(machine(tmp_path / "local", mounts=local).look(folder)) == []
