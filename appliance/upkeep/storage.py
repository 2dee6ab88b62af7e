"""What the data folder holds, by kind, and what is free beside it."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Databases by what they are for; what is left of the folder is "other".
_KIND_OF: Final = {
    "pds": "repos",
    "appview": "index",
    "viewers": "index",
    "relay": "relay",
}
KINDS: Final = ("repos", "pictures", "index", "relay", "other", "backups")


@dataclass(frozen=True)
class Storage:
    """In bytes. `kinds` are ours; backups are counted where they lie on the same disk."""

    kinds: Mapping[str, int]
    free: int
    total: int

    @property
    def used(self) -> int:
        return sum(self.kinds.values())


def measure(data: Path, blobs: Path, backups: str) -> Storage:
    """Add up what is there; `backups` is a folder, or anything else for a place elsewhere."""
    kinds = dict.fromkeys(KINDS, 0)
    kinds["pictures"] = _size_of(blobs.rglob("*"))
    for path in data.iterdir() if data.is_dir() else ():
        if path == blobs or path.is_symlink():
            continue
        name = path.name.partition(".sqlite")[0] if ".sqlite" in path.name else ""
        kinds[_KIND_OF.get(name, "other")] += _size_of([path, *path.rglob("*")])
    if backups.startswith("/") and _is_beside(Path(backups), data):
        kinds["backups"] = _size_of(Path(backups).rglob("*"))
    disk = shutil.disk_usage(data)
    return Storage(kinds, disk.free, disk.total)


def _is_beside(folder: Path, data: Path) -> bool:
    return folder.is_dir() and folder.stat().st_dev == data.stat().st_dev


def _size_of(paths: Iterable[Path]) -> int:
    return sum(_size(path) for path in paths)


def _size(path: Path) -> int:
    """The size of a file; nothing for a folder, or for a file that has just gone."""
    try:
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    except OSError:
        return 0
