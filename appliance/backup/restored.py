"""A backup brought back into an empty folder and looked at whole: the rehearsal and the restore."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from appliance.backup.contents import MANIFEST, STAGING, Manifest, sum_of
from appliance.backup.engine import BackupFailed, Engine, Snapshot
from appliance.backup.take import Progress
from appliance.base.connection import Connection
from appliance.base.damage import damage_in
from appliance.directory import soundness as directory_soundness
from appliance.pds import soundness
from appliance.pds.soundness import Soundness

MOST_FAULTS_TOLD = 5


@dataclass(frozen=True)
class Restored:
    """A backup in a folder: what lay in the data folder, and its blobs, and what was counted."""

    manifest: Manifest
    files: Path
    blobs: Path
    sound: Soundness


def choose(engine: Engine, wanted: str) -> Snapshot:
    """Find a backup by the beginning of its id, or the newest. Raises BackupFailed."""
    found = [one for one in engine.snapshots() if one.id.startswith(wanted)]
    if not found:
        raise BackupFailed(
            f"there is no backup {wanted}".rstrip() + f" at {engine.repository}",
            "one that was taken and not yet forgotten",
            "see which there are: hearth backup list",
        )
    return found[-1]


def bring_back(engine: Engine, snapshot: Snapshot, into: Path, progress: Progress) -> Restored:
    """Fetch a backup below a folder and verify all of it. Raises BackupFailed."""
    progress("fetching", 0.0)
    engine.fetch(snapshot.id, into)
    _refuse_all_but_plain_files(into)
    (staging,) = [path for path in snapshot.paths if Path(path).name == STAGING] or [""]
    files = _below(into, staging)
    try:
        manifest = Manifest.read(files / MANIFEST)
    except (OSError, ValueError) as problem:
        raise BackupFailed(
            f"this backup cannot be read: {problem}",
            "a backup made by this version of Hearth or an older one",
            "install the newest version, then try again",
        ) from problem
    blobs = _below(into, manifest.blobs)
    blobs.mkdir(parents=True, exist_ok=True)
    faults = list(_faults_of_files(files, manifest))
    sound = Soundness(0, 0, 0, [])
    if not faults and (files / "pds.sqlite").exists():
        with closing(Connection(files / "pds.sqlite", writable=False)) as conn:
            sound = soundness.examine(
                conn, blobs, lambda done, of: progress("verifying", done / of if of else 1.0)
            )
    faults += sound.faults
    if not faults and (files / "directory.sqlite").exists():
        with closing(Connection(files / "directory.sqlite", writable=False)) as conn:
            faults += directory_soundness.faults(conn)
    if faults:
        more = f" and {len(faults) - MOST_FAULTS_TOLD} more" * (len(faults) > MOST_FAULTS_TOLD)
        raise BackupFailed(
            "; ".join(faults[:MOST_FAULTS_TOLD]) + more,
            "every file, repo, blob and login as it was",
            "use another backup (hearth backup list), and look at this disk",
        )
    return Restored(manifest, files, blobs, sound)


def _below(folder: Path, path: str) -> Path:
    """Where a path that was absolute comes to lie. Raises BackupFailed for one that leads away."""
    if ".." in Path(path).parts:
        raise _not_ours(f"it has a folder {path}")
    return folder / path.lstrip("/")


def _refuse_all_but_plain_files(folder: Path) -> None:
    """Raise BackupFailed for links, devices and pipes: no backup of ours has any."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _not_ours(f"{path.relative_to(folder)} is no plain file")


def _not_ours(reason: str) -> BackupFailed:
    return BackupFailed(
        f"this backup was not made by Hearth: {reason}",
        "plain files and folders, as Hearth saves them",
        "use another backup (hearth backup list)",
    )


def _faults_of_files(files: Path, manifest: Manifest) -> Iterator[str]:
    for name, expected in manifest.files.items():
        path = _below(files, name)
        if not path.is_file():
            yield f"{name} is missing"
        elif sum_of(path) != expected:
            yield f"{name} is damaged"
        elif path.suffix == ".sqlite":
            found = damage_in(path, indexes=True)
            yield from (f"{name} is damaged: {damage}" for damage in found)


def rehearse(engine: Engine, scratch: Path, progress: Progress) -> tuple[Snapshot, Soundness]:
    """Prove that the newest backup can be restored, in a folder that goes away again.

    Raises BackupFailed.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(0o700, parents=True)
    try:
        snapshot = choose(engine, "")
        return snapshot, bring_back(engine, snapshot, scratch, progress).sound
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
