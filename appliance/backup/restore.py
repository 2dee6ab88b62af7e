"""`hearth restore`: a network from its backup, on a new disk. All or nothing.

The backup is fetched beside the data folder and verified whole; only then does it take its place.
What others saw after it was taken is lost here, so numbers jump above all that were given, and
every repo is signed anew and announced, before anybody is served.
"""

import contextlib
import shutil
import socket
from importlib.resources import files
from pathlib import Path
from typing import Final

from appliance.backup.contents import MANIFEST
from appliance.backup.engine import BackupFailed, Engine
from appliance.backup.restored import Restored, bring_back, choose
from appliance.backup.take import Progress
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.migrations import DatabaseTooNew
from appliance.base.secret_files import replace_secret
from appliance.firehose import event_log
from appliance.pds.blob_files import BlobFiles
from appliance.pds.blobs import BlobStore
from appliance.pds.repos import RepoStore
from appliance.pds.restore_safety import MARGIN, RestoreSafety
from appliance.pds.signing_keys import SigningKeys
from appliance.pds.soundness import Soundness
from appliance.settings import load
from appliance.settings_file import save
from appliance.settings_groups import FILE_NAME, Paths
from appliance.upkeep.backup_key import KEY_FILE

SCRATCH: Final = "restoring"
_IN_THE_WAY: Final = ("*.sqlite", "blobs", "admin.json", "secrets/*")
# What there is where Hearth was installed and waits for somebody to begin.
_OF_NOBODY: Final = frozenset(
    {"operator-token", "claim-code", "backup-ssh-key", "backup-ssh-hosts"}
)


async def restore(
    engine: Engine, key: str, wanted: str, paths: Paths, progress: Progress
) -> Soundness:
    """Restore the newest backup, or the one named. Raises BackupFailed: nothing was touched."""
    _refuse_running(paths)
    _refuse_occupied(paths.data)
    snapshot = choose(engine, wanted)
    paths.data.mkdir(0o700, parents=True, exist_ok=True)
    scratch = paths.data / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(0o700)
    try:
        found = bring_back(engine, snapshot, scratch, progress)
        await _begin_anew(found, progress)
        replace_secret(found.files / "secrets" / KEY_FILE, key)
        _put_in_place(found, paths)
    except DatabaseTooNew as problem:
        raise BackupFailed(
            str(problem), "a backup of this version or an older one", "install the newest version"
        ) from problem
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return found.sound


def _refuse_occupied(data: Path) -> None:
    """Never over a network that is there; what a restore that was cut off left is taken away."""
    if (data / SCRATCH).is_dir() and not (data / FILE_NAME).exists():
        for path in data.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    there = {
        str(path.relative_to(data))
        for pattern in _IN_THE_WAY
        for path in data.glob(pattern)
        if path.name not in _OF_NOBODY
    }
    if there:
        raise BackupFailed(
            f"there is a network in {data} already ({', '.join(sorted(there)[:3])})",
            "an empty folder",
            "name another with --data, or move that one aside",
        )


def _refuse_running(paths: Paths) -> None:
    """Never under the feet of a process that serves this folder."""
    for path in paths.run.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as caller, contextlib.suppress(OSError):
            caller.connect(str(path))
            raise BackupFailed(
                f"Hearth runs here, on {paths.data}",
                "nothing that works on this folder",
                "stop it first (systemctl stop hearth)",
            )


async def _begin_anew(found: Restored, progress: Progress) -> None:
    """Jump over every number that may have been given since, and sign and announce each repo."""
    relay = found.files / "relay.sqlite"
    if relay.exists():
        async with await Database.open(relay, files("appliance.relay") / "schema") as db:
            await db.write(_jump)
    pds = found.files / "pds.sqlite"
    if not pds.exists():
        return
    clock = Clock()
    async with await Database.open(pds, files("appliance.pds") / "schema") as db:
        blobs = BlobStore(db, BlobFiles(found.blobs), clock, 0)
        repos = RepoStore(db, blobs, SigningKeys(db, clock), clock)
        safety = RestoreSafety(db, repos, {}, "", clock)
        progress("announcing every account anew", 0.0)
        await safety.recover(event_log.EventLog(db).head())


def _jump(conn: Connection) -> None:
    head = int(conn.value("SELECT max(seq) FROM sqlite_sequence WHERE name = 'event'") or 0)
    event_log.jump(conn, head + MARGIN)


def _put_in_place(found: Restored, paths: Paths) -> None:
    """Move everything where it belongs; the settings come last: without them nothing starts."""
    (paths.data / FILE_NAME).unlink(missing_ok=True)
    shutil.rmtree(paths.data / "secrets", ignore_errors=True)
    found.blobs.replace(paths.blobs)
    last = found.files / FILE_NAME
    for path in sorted(found.files.iterdir()):
        if path.name != MANIFEST and path != last:
            path.replace(paths.data / path.name)
    if last.exists():
        settings = load(found.files, {})
        if settings.pds.blob_folder:
            # Wherever blobs were there, here they lie with the rest.
            save(settings.with_values({"pds.blob_folder": ""}))
        last.replace(paths.data / FILE_NAME)
