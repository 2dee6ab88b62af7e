"""A disk that is plugged in: mounted where backups go, left alone where others have mounted it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.appliance import ROOT

pytestmark = pytest.mark.machines

# In mounts of its own, with a user called hearth and nothing in /media.
INSIDE = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /media
id hearth >/dev/null 2>&1 || {
    cp /etc/passwd /etc/group "$1"
    echo hearth:x:4711:4711::/:/bin/false >>"$1/passwd"
    echo hearth:x:4711: >>"$1/group"
    mount --bind "$1/passwd" /etc/passwd
    mount --bind "$1/group" /etc/group
}
export HEARTH_DISK_PATIENCE=0
device=$(losetup -f --show "$1/stick")
trap 'umount -q "$device" || true; losetup -d "$device"' EXIT
name=${device#/dev/}
"""
PLUGGED = """
sh "$2" plug "$name"
grep " /media/hearth-$name " /proc/mounts
stat -c '%U %a' "/media/hearth-$name/hearth-backup"
sh "$2" unplug "$name"
! ls "/media/hearth-$name" 2>/dev/null
! grep " /media/hearth-$name " /proc/mounts
"""
LEFT_ALONE = """
mkdir /media/mine
mount "$device" /media/mine
sh "$2" plug "$name"
ls -d /media/*
"""


def plug(folder: Path, kind: str, script: str) -> str:
    """Do it with a disk of such a file system; give what was said."""
    stick = folder / "stick"
    with stick.open("wb") as file:
        file.truncate(64 << 20)
    maker = shutil.which(f"mkfs.{kind}", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert maker, f"apt install what makes {kind}"
    subprocess.run([maker, str(stick)], check=True, capture_output=True)  # noqa: S603
    disk = str(ROOT / "systemd/disk.sh")
    done = subprocess.run(  # noqa: S603
        ["unshare", "--mount", "sh", "-c", INSIDE + script, "sh", str(folder), disk],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_disk_is_mounted_for_hearth_alone_and_goes_when_it_is_pulled_out(tmp_path: Path) -> None:
    said = plug(tmp_path, "ext4", PLUGGED)
    assert " ext4 " in said
    assert all(option in said for option in ("nosuid", "nodev", "noexec"))
    assert said.splitlines()[-1] == "hearth 700"


def test_a_disk_that_somebody_mounted_is_left_alone(tmp_path: Path) -> None:
    assert plug(tmp_path, "ext4", LEFT_ALONE) == "/media/mine\n"
