"""Archives of releases: the same files give the same bytes; unpacked with suspicion."""

import gzip
import hashlib
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from appliance.updates.channel import Archive

MOST_FILES: Final = 20_000
MOST_BYTES_UNPACKED: Final = 2 << 30
CHUNK: Final = 1 << 20


class BadArchive(Exception):
    """An archive is not what was signed, or holds what no release holds."""


def make_archive(files: Mapping[str, Path], target: Path, time: int) -> None:
    """Pack files under their names, all of one owner and one time."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=time) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(files):
            path = files[name]
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            entry.mtime = time
            with path.open("rb") as content:
                archive.addfile(entry, content)


def describe(path: Path, machine: str) -> Archive:
    return Archive(machine, path.name, path.stat().st_size, sha256_of(path))


def prove(path: Path, signed: Archive) -> None:
    """See that a file is the one that was signed. Raises BadArchive."""
    size = path.stat().st_size
    if size < signed.size:
        raise BadArchive(f"{signed.name} is cut off: {size} bytes of {signed.size}")
    if size != signed.size or sha256_of(path) != signed.sha256:
        raise BadArchive(f"{signed.name} is not the file that was signed")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(path: Path, folder: Path) -> None:
    """Unpack a proven archive into a folder that is made for it. Raises BadArchive.

    Only plain files, within the folder: not even a proven archive puts anything elsewhere.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755, parents=True)
    left, size_left = MOST_FILES, MOST_BYTES_UNPACKED
    try:
        with tarfile.open(path, "r:gz") as archive:
            for entry in archive:
                left, size_left = left - 1, size_left - entry.size
                if left < 0 or size_left < 0:
                    raise BadArchive(f"{path.name} holds more than a release does")
                _unpack_file(archive, entry, folder)
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise BadArchive(f"{path.name} cannot be unpacked: {problem}") from problem


def _unpack_file(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    parts = PurePosixPath(entry.name).parts
    if not entry.isreg() or not parts or parts[0] == "/" or ".." in parts:
        raise BadArchive(f"the archive holds {entry.name!r}, which is no file of a release")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(entry)
    if source is None:
        raise BadArchive(f"the archive holds {entry.name!r} without content")
    # Never through something that lies there already.
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file, CHUNK)
    target.chmod(0o755 if entry.mode & 0o100 else 0o644)
