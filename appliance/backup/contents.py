"""What a backup holds: every database as of one moment, the keys, the settings, and the blobs.

Databases are copied into a folder of their own; blobs, which never change, are read where they lie.
What can be made again is left out: the AppView's index, the relay's window of events, caches.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Final

from appliance.atproto.cid import Cid
from appliance.base.connection import Connection
from appliance.base.database_copies import Source, copy_all
from appliance.pds import soundness
from appliance.pds.blob_files import path_in
from appliance.settings_groups import Paths
from appliance.upkeep.backup_journal import COURSE, WISH
from appliance.upkeep.lodging.routes import FOLDER
from appliance.version import VERSION

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
STAGING: Final = "backup-staging"
# Made again from the repos.
REBUILT: Final = frozenset({"appview"})
# Made again from the hosts; the numbers that were given stay given.
LEFT_OUT: Final = {"relay": ("event",)}
# Half of a blob that is being uploaded.
UNFINISHED_BLOBS: Final = "incoming"
# What is not part of a network but of this run of it; blobs and databases have ways of their own.
PASSING: Final = (
    *("run", "cache", "blobs", "*.sqlite*", "*.lock", f"{STAGING}*", "*-journal", "adopting-*"),
    *("backups.json", COURSE, WISH, FOLDER, "lost+found"),
    *("*reserve", "updates", "updates.json"),
)


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `files`: SHA-256 by name; `blobs`: the folder of blobs."""

    format: int
    version: str
    taken_at: str
    blobs: str
    files: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read one. Raises ValueError, also for a format of the future."""
        try:
            found = json.loads(path.read_text("utf-8"))
        except RecursionError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("format"), int):
            raise ValueError("this is no manifest of a backup")
        if found["format"] > FORMAT:
            raise ValueError("it was made by a newer version of Hearth")
        texts = (found.get(name) for name in ("version", "taken_at", "blobs"))
        sums = found.get("files")
        if not isinstance(sums, dict) or not all(isinstance(one, str) for one in (*texts, *sums)):
            raise ValueError("this is no manifest of a backup")
        return cls(**{each.name: found[each.name] for each in fields(cls)})


def gather(paths: Paths, blobs: Path, note: Callable[[int, int], None]) -> Path:
    """Fill the folder to be stored; return it. Raises CopyFailed, OSError."""
    staging = paths.data / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(0o700)
    sources = [
        Source(path, LEFT_OUT.get(path.stem, ()))
        for path in sorted(paths.data.glob("*.sqlite"))
        if path.stem not in REBUILT
    ]
    copy_all(sources, staging, note)
    for path in sorted(paths.data.iterdir()):
        if any(path.match(pattern) for pattern in PASSING) or path == blobs:
            continue
        if path.is_dir():
            shutil.copytree(path, staging / path.name)
        elif path.is_file():
            shutil.copy2(path, staging / path.name)
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    sums = {str(path.relative_to(staging)): sum_of(path) for path in files}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(FORMAT, VERSION, now, str(blobs), sums)
    (staging / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
    return staging


def sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def lost_meanwhile(staging: Path, blobs: Path) -> list[Cid]:
    """List blobs that the copied records need and that were deleted since they were copied."""
    database = staging / "pds.sqlite"
    if not database.exists():
        return []
    with closing(Connection(database, writable=False)) as conn:
        return [cid for cid in soundness.referenced_blobs(conn) if not path_in(blobs, cid).exists()]
