"""Is the computer fit for it? Memory, the disk's kind, its wear, and how it is mounted."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.base.mounts import FAR_AWAY, mount_of
from appliance.base.pressure import MIB, Kernel, is_little
from appliance.upkeep.checkup import Finding

LITTLE_MEMORY_MIB: Final = 60
_NO_PICTURES: Final = ", so no pictures are made until there are more"
# A device tells its wear in tenths of its life: https://docs.kernel.org/driver-api/mmc/
NEARLY_WORN: Final = 9


@dataclass(frozen=True)
class Machine:
    """Where the kernel tells about itself."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")

    def look(self, data: Path) -> Iterator[Finding]:
        """Look at what matters to a data folder."""
        yield from self._memory()
        yield from self._mount(data)
        yield from self._wear()
        yield from self._errors()
        yield from self._writers(data)

    def _memory(self) -> Iterator[Finding]:
        reading = Kernel(self.proc, self.sys / "fs/cgroup").look()
        if reading is None:
            return
        free, short = reading.free // MIB, is_little(reading)
        if short or free < LITTLE_MEMORY_MIB:
            yield Finding(
                "Memory",
                "warn",
                f"{free} MB are free{_NO_PICTURES if short else ''}",
                f"at least {LITTLE_MEMORY_MIB} MB",
                "stop what else runs on this computer, or use one with more memory",
                "memory-low",
            )

    def _mount(self, data: Path) -> Iterator[Finding]:
        kind, options = mount_of(data, self.proc)
        if kind in FAR_AWAY:
            yield Finding(
                "Data folder",
                "bad",
                f"it lies on another computer ({kind})",
                "a disk of this computer: elsewhere, what was acknowledged can be lost",
                "move the data folder to a disk here; keep backups there (backup.target)",
                "data-far",
            )
        if "ro" in options:
            yield Finding(
                "Data folder",
                "bad",
                "its disk can only be read",
                "a disk that can be written to",
                "a worn card does this to itself: copy it, and restore a backup on a new one",
                "disk-readonly",
            )

    def _wear(self) -> Iterator[Finding]:
        for path in sorted(self.sys.glob("block/*/device/life_time")):
            tenths = max((_hex(word) for line in _lines(path) for word in line.split()), default=0)
            if tenths >= NEARLY_WORN:
                yield Finding(
                    f"Disk {path.parent.parent.name}",
                    "warn" if tenths == NEARLY_WORN else "bad",
                    f"it says that {min(tenths * 10, 100)} % of its life are gone",
                    "a disk with life left",
                    "take a backup, and restore it on a new disk soon",
                    "disk-worn",
                )

    def _errors(self) -> Iterator[Finding]:
        """What ext4 counts of failed reads and writes, until fsck sets it back."""
        for path in sorted(self.sys.glob("fs/ext4/*/errors_count")):
            count = next(iter(_lines(path)), "0")
            if count.isdecimal() and int(count):
                yield Finding(
                    f"Disk {path.parent.name}",
                    "bad",
                    f"its file system has met {int(count)} errors",
                    "a disk that keeps what is written",
                    "take a backup, check the disk (fsck), and replace it if they come again",
                    "disk-errors",
                )

    def _writers(self, data: Path) -> Iterator[Finding]:
        """Who has a database open to write in it: one program, else they spoil it together."""
        found = {
            int(link.parts[-3])
            for link in self.proc.glob("[0-9]*/fd/*")
            if _leads_to(link, data.resolve()) and _writes(link)
        }
        if len(found) > 1:
            programs = ", ".join(map(str, sorted(found)))
            yield Finding(
                "Data folder",
                "bad",
                f"{len(found)} programs write into the databases (processes {programs})",
                "one",
                "stop all of them, start Hearth once, and look again",
                "two-processes",
            )


def _leads_to(link: Path, data: Path) -> bool:
    try:
        target = link.readlink()
    except OSError:
        return False
    return target.parent == data and target.suffix == ".sqlite"


def _writes(link: Path) -> bool:
    """Read the flags with which a file is open.

    https://docs.kernel.org/filesystems/proc.html
    """
    for line in _lines(link.parent.parent / "fdinfo" / link.name):
        if line.startswith("flags:"):
            return bool(int(line.split()[1], 8) & (os.O_WRONLY | os.O_RDWR))
    return False


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _hex(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0
