"""Disks that are plugged in by USB, as udev tells of them; it takes no rights to ask."""

from pathlib import Path
from typing import Final

UDEV: Final = Path("/run/udev/data")
_WANTED: Final = {"ID_BUS": "usb", "ID_FS_USAGE": "filesystem"}


def plugged_in(udev: Path = UDEV) -> list[str]:
    """Name the file systems on them: by label where there is a plain one, else by UUID."""
    told = [_told(path) for path in sorted(udev.glob("b*"))]
    disks = [one for one in told if _WANTED.items() <= one.items()]
    labels = [one.get("ID_FS_LABEL", "") for one in disks]
    named = [
        label if _is_plain(label) and labels.count(label) == 1 else one.get("ID_FS_UUID", "")
        for one, label in zip(disks, labels, strict=True)
    ]
    return sorted(filter(None, named))


def _is_plain(label: str) -> bool:
    """What may stand behind `usb:` in the settings."""
    return bool(label) and not any(each.isspace() or each == "/" for each in label)


def _told(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.removeprefix("E:").partition("=") for line in lines if line.startswith("E:"))
    return {name: value for name, _, value in pairs}
