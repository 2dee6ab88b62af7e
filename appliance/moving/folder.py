"""What was taken of an account: a folder, or the ZIP file that the download of `/account` gives.

account.json  preferences.json  blobs.json  private/*.json  repo.car  blobs/<CID><ending>
"""

import json
import mimetypes
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from appliance.atproto.syntax import Json
from appliance.moving.journal import write_whole
from appliance.moving.trouble import Trouble

ACCOUNT: Final = "account.json"
BLOBS: Final = "blobs.json"
PREFERENCES: Final = "preferences.json"
REPO: Final = "repo.car"
PIECE: Final = 1 << 18
MOST_DOCUMENT_BYTES: Final = 64_000_000
_MOMENT: Final = (1980, 1, 1, 0, 0, 0)


class Holdings(Protocol):
    """What an account is made from anew."""

    def read(self, name: str) -> Json:
        """Give a document; None if there is none of this name."""

    def names(self) -> list[str]:
        """Name everything that is held."""

    def size(self, name: str) -> int:
        """Tell how many bytes a file has."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""


class Folder:
    """A folder that is filled, and emptied into a server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> Json:
        return _parsed(self.path / name, (self.path / name).read_bytes) if self.has(name) else None

    def write(self, name: str, document: Json) -> None:
        """Put a document in place, whole or not at all."""
        text = json.dumps(document, indent=1, ensure_ascii=False)
        write_whole(self.path / name, text.encode())

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def names(self) -> list[str]:
        found = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found if not path.name.startswith("."))

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def open(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")


class Zip:
    """A ZIP file, read only."""

    def __init__(self, path: Path) -> None:
        """Raises Trouble if it is none."""
        try:
            self._file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as bad:
            raise Trouble(
                f"{path} cannot be read: {bad}",
                "a folder or a ZIP file with an account",
                "name what `hearth account export` or the download of /account made",
            ) from bad

    def read(self, name: str) -> Json:
        if name not in self._file.NameToInfo:
            return None
        if self.size(name) > MOST_DOCUMENT_BYTES:
            raise Trouble(
                f"{name} has {self.size(name)} bytes",
                f"at most {MOST_DOCUMENT_BYTES}",
                "see whether this archive is what it says it is",
            )
        return _parsed(name, lambda: self._file.read(name))

    def names(self) -> list[str]:
        return self._file.namelist()

    def size(self, name: str) -> int:
        return self._file.getinfo(name).file_size

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._file.open(name))


def blob_names(holdings: Holdings) -> dict[str, str]:
    """Give the name of the file of each blob that is held, by the blob's CID."""
    blobs = (name for name in holdings.names() if name.startswith("blobs/"))
    return {name.removeprefix("blobs/").partition(".")[0]: name for name in blobs}


def blob_name(cid: str, mime_type: str) -> str:
    return f"blobs/{cid}{mimetypes.guess_extension(mime_type) or ''}"


def mime_types(holdings: Holdings) -> dict[str, str]:
    """Give the media type of each blob, as far as it was noted."""
    listed: Any = holdings.read(BLOBS) or []
    return {one["cid"]: one["mimeType"] for one in listed}


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Read a file piece by piece, and close it."""
    with file:
        while piece := file.read(PIECE):
            yield piece


def pack(folder: Folder, target: Path) -> None:
    """Write a folder into a ZIP file; nothing is compressed, since pictures are already."""
    aside = target.with_name(f".{target.name}.new")
    with zipfile.ZipFile(aside, "w") as archive:
        for name in folder.names():
            if name.endswith("journal.json"):
                continue
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as out:
                for piece in pieces(folder.open(name)):
                    out.write(piece)
    aside.replace(target)


def _parsed(name: object, read: Any) -> Json:
    try:
        return cast(Json, json.loads(read()))
    except ValueError as bad:
        raise Trouble(
            f"{name} is damaged: {bad}", "a JSON document", "take the account out once more"
        ) from bad
