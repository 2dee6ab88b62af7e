"""Where a target of the settings is on this machine: a disk is named by what is written on it.

`usb:NAME`, with the label or the UUID of a file system, is the folder below wherever that is
mounted. The kernel says what is mounted, udev what its file system is called; neither needs rights.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.backup.engine import BackupFailed

USB: Final = "usb:"
# On a disk that is also used for something else.
FOLDER: Final = "hearth-backup"
_NAMES: Final = ("ID_FS_LABEL", "ID_FS_UUID", "ID_FS_LABEL_ENC")


@dataclass(frozen=True)
class Disks:
    """Where the kernel and udev tell about disks."""

    mounts: Path = Path("/proc/self/mountinfo")
    udev: Path = Path("/run/udev/data")

    def place(self, target: str) -> str:
        """Give what restic calls a target. Raises BackupFailed while the disk is not there."""
        if not target.startswith(USB):
            return target
        name = target.removeprefix(USB)
        found = self.mounted(name)
        if found is None:
            raise BackupFailed(
                f"no disk called {name} is plugged in and mounted",
                "the disk on which the copies are",
                "plug it in; where it is not mounted by itself, mount it below /media",
            )
        return str(found / FOLDER)

    def is_there(self, target: str) -> bool:
        """Tell whether a target can be tried: only a disk can be away."""
        return not target.startswith(USB) or self.mounted(target.removeprefix(USB)) is not None

    def mounted(self, name: str) -> Path | None:
        """Find where the disk with a label or UUID is mounted."""
        for line in _lines(self.mounts):
            fields = line.split(" ")
            if len(fields) > 4 and self._is_called(fields[2], name):
                return Path(fields[4].encode().decode("unicode_escape"))
        return None

    def _is_called(self, device: str, name: str) -> bool:
        for line in _lines(self.udev / f"b{device}"):
            key, _, value = line.removeprefix("E:").partition("=")
            if key in _NAMES and value.lower() == name.lower():
                return True
        return False


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
