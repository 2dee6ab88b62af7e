"""`hearth adopt DIR`: take over the data folder of a reference PDS, with its settings."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import apsw

from appliance.base.database import DatabaseInUse
from appliance.base.migrations import DatabaseTooNew
from appliance.base.secret_files import read_or_create
from appliance.pds.accounts import NameTaken
from appliance.pds.adoption.adopt import Taken, open_adoption
from appliance.pds.adoption.source import ReferenceFolder
from appliance.settings import Settings, load
from appliance.settings_aliases import SECRETS
from appliance.settings_file import save
from appliance.settings_groups import Paths

Say = Callable[[str], None]

# What the folder itself tells better than the file that came with it.
_NOT_KEPT: Final = ("PDS_BLOBSTORE_DISK_LOCATION", "PDS_DATA_DIRECTORY", "PDS_PORT")
# Names of ours in that file would be somebody else's choice of where our backups go, and more.
_THEIRS: Final = "PDS_"
_DONE: Final = """\
Everything is here. What is left to do:
  1. See that the old server is stopped and stays stopped: an account has one server.
  2. Start this one:  hearth run --data {data}
  3. Point your web server at it.
The old folder was only read; keep it until you have seen that all is well."""


def run(args: argparse.Namespace, say: Say) -> int:
    """Take the folder over; return the exit status. Raises InvalidSettings."""
    paths, folder = Paths.of(args.data), Path(args.folder).expanduser()
    env = read_env(folder / "pds.env")
    settings = take_settings(paths, env)
    try:
        asyncio.run(_adopt(settings, folder, blob_folder(folder, env), say))
    except (DatabaseInUse, DatabaseTooNew) as problem:
        sys.stderr.write(f"hearth: {problem}\n        stop the network in {paths.data} first\n")
        return 1
    except (NameTaken, ValueError, apsw.Error, OSError) as problem:
        # What is read there was written by others: names, times, CIDs, whole databases.
        sys.stderr.write(f"hearth: cannot take this over: {problem}\n")
        return 1
    say(_DONE.format(data=paths.data))
    return 0


def read_env(path: Path) -> dict[str, str]:
    """Read a file of NAME=VALUE lines, as a shell would, without running anything."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found


def take_settings(paths: Paths, env: Mapping[str, str]) -> Settings:
    """Keep the settings and secrets of the old server, unless this folder has its own.

    Raises InvalidSettings.
    """
    kept = {
        name: text
        for name, text in env.items()
        if name.startswith(_THEIRS) and name not in _NOT_KEPT
    }
    settings = load(paths.data, kept)
    if not paths.settings_file.exists():
        if settings.pds.hostname:
            settings = load(paths.data, {**kept, "HEARTH_NETWORK_MODE": "public"})
        save(settings)
    for variable, name in SECRETS.items():
        if kept.get(variable):
            read_or_create(paths.secret(name), lambda text=kept[variable]: text)  # type: ignore[misc]
    return settings


def blob_folder(folder: Path, env: Mapping[str, str]) -> Path:
    """Find where blobs lie: beside the databases, whatever the folder was called in a container."""
    named = Path(env.get("PDS_BLOBSTORE_DISK_LOCATION", "blocks"))
    for candidate in (named, folder / named.name, folder / "blocks", folder / "blobs"):
        if candidate.is_dir():
            return candidate
    return folder / "blocks"


async def _adopt(settings: Settings, folder: Path, blobs: Path, say: Say) -> None:
    scratch = Path(tempfile.mkdtemp(dir=settings.paths.data, prefix="adopting-"))
    try:
        source = ReferenceFolder(folder, blobs, scratch)
        ours = Path(settings.pds.blob_folder or settings.paths.blobs)
        adoption, db = await open_adoption(source, settings.paths.database("pds"), ours)
        async with db:
            await adoption.run(lambda done, of, taken: say(_line(done, of, taken)))
    finally:
        shutil.rmtree(scratch)


def _line(done: int, of: int, taken: Taken | None) -> str:
    if taken is None:
        return f"{done}/{of}  was here already"
    lost = f", {taken.lost_blobs} blobs were missing there" if taken.lost_blobs else ""
    counts = f"{taken.records} records, {taken.blobs} blobs{lost}"
    return f"{done}/{of}  {taken.account.handle}  {counts}"
