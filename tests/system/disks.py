"""A disk that is not in any computer at the moment: its partitions, and files to boot from."""

import json
import subprocess
from pathlib import Path
from typing import Any

# UEFI's partition behind a GPT; FAT32 behind an MBR.
BOOT_TYPES = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "c")


def partitions(disk: Path) -> list[dict[str, Any]]:
    told = subprocess.run(  # noqa: S603
        ["sfdisk", "--json", str(disk)],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found: list[dict[str, Any]] = json.loads(told)["partitiontable"]["partitions"]
    return found


def root_gigabytes(disk: Path) -> float:
    """How much of the disk the root has; it is the last partition."""
    return int(partitions(disk)[-1]["size"]) * 512 / (1 << 30)


def boot_partition(disk: Path) -> str:
    """Where the boot partition is, in the words of mtools."""
    (boot,) = [each for each in partitions(disk) if each["type"] in BOOT_TYPES]
    return f"{disk}@@{int(boot['start']) * 512}"


def boot_file(disk: Path, name: str) -> str:
    """Read a text of the boot partition; nothing where it is not there."""
    return subprocess.run(  # noqa: S603
        ["mtype", "-i", boot_partition(disk), f"::{name}"],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    ).stdout


def boot_files(disk: Path) -> set[str]:
    """Name what is on the boot partition, with paths."""
    told = subprocess.run(  # noqa: S603
        ["mdir", "-i", boot_partition(disk), "-b", "-/", "::"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {line.removeprefix("::/") for line in told.splitlines()}


def copy_boot_file(disk: Path, name: str, folder: Path) -> Path:
    """Copy a file of the boot partition into a folder."""
    place = folder / name
    subprocess.run(  # noqa: S603
        ["mcopy", "-n", "-o", "-i", boot_partition(disk), f"::{name}", str(place)],  # noqa: S607
        check=True,
    )
    return place


def write_boot_file(disk: Path, name: str, text: str) -> None:
    subprocess.run(  # noqa: S603
        ["mcopy", "-o", "-i", boot_partition(disk), "-", f"::{name}"],  # noqa: S607
        check=True,
        input=text,
        text=True,
    )
