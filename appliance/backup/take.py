"""One backup, from beginning to end; the network goes on meanwhile."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.backup import contents, sftp
from appliance.backup.engine import DIRECT, BackupFailed, Engine, Saved
from appliance.backup.places import Disks
from appliance.base.database_copies import CopyFailed
from appliance.settings import Settings
from appliance.upkeep.backup_journal import Journal
from appliance.upkeep.backup_key import KEY_FILE, key_of
from appliance.upkeep.backup_ssh import SFTP, SshFiles

S3_SECRET: Final = "backup-s3-secret"  # noqa: S105
REST: Final = "rest:"
# NAME:TOKEN, as another Hearth gives them.
REST_LOGIN: Final = "backup-rest-login"
MOST_ROUNDS: Final = 3

# What is being done, and how far it is, from 0 to 1.
Progress = Callable[[str, float], None]


def engine_of(settings: Settings) -> Engine:
    """Open the repository that the settings name. Raises BackupFailed."""
    target = settings.backup.target
    if not target:
        raise BackupFailed(
            "no place for backups is set",
            "backup.target to name one",
            "name a folder, or a place as sftp:USER@HOST:/FOLDER, in the panel's settings",
        )
    cache, way = settings.paths.cache / "backup", DIRECT
    if target.startswith(SFTP):
        way = sftp.way(target, SshFiles.of(settings.paths).made(), cache)
    return Engine(
        Disks().place(target),
        key_of(settings.paths.secret(KEY_FILE)),
        cache,
        storage_secrets(settings),
        way,
    )


def storage_secrets(settings: Settings) -> dict[str, str]:
    """What storage elsewhere asks for, by the names of its variables."""
    if settings.backup.target.startswith(REST):
        login = settings.paths.secret(REST_LOGIN)
        if not login.exists():
            return {}
        return with_login(settings.backup.target, login.read_text("ascii").strip())
    secret = settings.paths.secret(S3_SECRET)
    if not (settings.backup.s3_access_key and secret.exists()):
        return {}
    return {
        "AWS_ACCESS_KEY_ID": settings.backup.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secret.read_text("ascii").strip(),
    }


def with_login(place: str, login: str) -> dict[str, str]:
    """What opens room at another Hearth, by the name of restic's variable."""
    rest, _, address = place.partition("://")
    return {"RESTIC_REPOSITORY": f"{rest}://{login}@{address}"}


def blobs_of(settings: Settings) -> Path:
    return Path(settings.pds.blob_folder or settings.paths.blobs).absolute()


def take(settings: Settings, progress: Progress) -> str:
    """Take a backup, note it, thin out old ones; return its id. Raises BackupFailed."""
    data = settings.paths.data
    journal = Journal.read(data)
    cut_off = journal.cut_off + 1 if journal.is_unfinished() else 0
    journal = journal.note(data, tried_at=time.time(), cut_off=cut_off, failure="")
    try:
        engine = engine_of(settings)
        _refuse_inside(engine.repository, data)
        progress("opening the place for backups", 0.0)
        place = settings.backup.target
        engine.prepare(expected=journal.place in (place, engine.repository))
        journal = journal.note(data, place=place)
        saved = _save(settings, engine, progress)
        progress("forgetting old backups", 1.0)
        engine.thin_out()
    except BackupFailed as problem:
        journal.note(data, failure=str(problem))
        raise
    except (OSError, CopyFailed) as problem:
        failed = BackupFailed(
            f"the data folder could not be copied: {problem}",
            "to read it and to have room for a copy of the databases",
            "see what `hearth checkup` says of storage and databases",
        )
        journal.note(data, failure=str(failed))
        raise failed from problem
    finally:
        shutil.rmtree(data / contents.STAGING, ignore_errors=True)
    now = time.time()
    first = journal.first_at if journal.taken_at else now
    told = {"snapshot": saved.id, "bytes": saved.bytes, "added": saved.added, "cut_off": 0}
    journal.note(data, first_at=first, taken_at=now, **told)
    return saved.id


def _save(settings: Settings, engine: Engine, progress: Progress) -> Saved:
    """Store what there is, again when a blob was deleted between copying rows and reading files."""
    blobs = blobs_of(settings)
    blobs.mkdir(parents=True, exist_ok=True)
    left = MOST_ROUNDS
    while True:
        left -= 1
        staging = contents.gather(
            settings.paths, blobs, lambda done, of: progress("copying databases", done / (of or 1))
        )
        saved = engine.save(
            [staging, blobs],
            [str(blobs / contents.UNFINISHED_BLOBS)],
            lambda done, of: progress("storing", done / of if of else 0.0),
        )
        if not (left and contents.lost_meanwhile(staging, blobs)):
            return saved


def _refuse_inside(repository: str, data: Path) -> None:
    """A backup beside what it saves is lost with it. Raises BackupFailed."""
    if ":" not in repository.split("/", 1)[0] and Path(repository).resolve().is_relative_to(data):
        raise BackupFailed(
            f"{repository} lies in the data folder itself",
            "a place of its own, best on another disk",
            "choose another folder for backup.target",
        )
