"""An export made ready to be sent: addresses replaced, scripts packed, everything known by name.

Files that change, or that are worth compressing, are written once to the cache, under a name made
from the export's listing and from what is replaced; an edition that is there already is used as
it is. All else is sent from the export itself. Only files listed when the edition is opened can
be asked for, so no path leads outside; links (`symlink`) that do are not listed.
"""

import gzip
import hashlib
import logging
import mimetypes
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.web_client.addresses import Replacement

log = logging.getLogger(__name__)

FRONT: Final = "index.html"
SMALLEST_PACKED: Final = 1024
MOST_FILES: Final = 20_000
LARGEST_TEXT: Final = 64 * 1024 * 1024
_SCRIPTS: Final = frozenset((".js", ".mjs"))
_PAGES: Final = frozenset((".html", ".htm"))
_TEXTS: Final = frozenset((".css", ".svg", ".json", ".txt", ".xml", ".webmanifest", ".wasm"))
_HASHED: Final = re.compile(r"[.-][0-9a-f]{8,}\.")
_OTHER_TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".webp": "image/webp",
    ".wasm": "application/wasm",
}
# Bump to make every edition anew.
_MADE_AS: Final = b"1"


class NoExport(Exception):
    """The folder holds no web client."""


@dataclass(frozen=True)
class Asset:
    """A file that is sent; `is_kept` says that its name changes with its content."""

    path: Path
    content_type: str
    is_kept: bool


@dataclass(frozen=True)
class Edition:
    """The files of a client by their paths, as "static/js/main.js"."""

    assets: Mapping[str, Asset]
    folders: frozenset[str]
    made: Path

    @classmethod
    def open(cls, export: Path, cache: Path, replacement: Replacement) -> "Edition":
        """List an export and make what is not made yet. Takes seconds the first time.

        Raises NoExport, OSError.
        """
        files = dict(_listed(export.resolve()))
        if FRONT not in files:
            raise NoExport(f"{export} has no {FRONT}")
        name = _fingerprint(files, replacement)
        made = cache / name
        if not made.is_dir():
            _make(files, made, replacement)
        assets = {each: _asset(each, path, made) for each, path in files.items()}
        folders = frozenset(each.partition("/")[0] for each in files if "/" in each)
        return cls(assets, folders, made)

    def forget_others(self) -> None:
        """Delete what was made before; once nobody is sent to it any more."""
        for other in self.made.parent.iterdir():
            if other != self.made:
                shutil.rmtree(other, ignore_errors=True)

    @property
    def front(self) -> Asset:
        """The page that every address of the client begins with."""
        return self.assets[FRONT]


def _listed(root: Path) -> Iterator[tuple[str, Path]]:
    """Give the files below a folder by path. Raises NoExport."""
    if not root.is_dir():
        raise NoExport(f"{root} is no folder")
    count = 0
    for path in sorted(root.rglob("*")):
        if not path.is_file() or not path.resolve().is_relative_to(root):
            continue
        name = path.relative_to(root).as_posix()
        if any(part.startswith(".") and part != ".well-known" for part in name.split("/")):
            continue
        count += 1
        if count > MOST_FILES:
            raise NoExport(f"{root} has more than {MOST_FILES} files")
        yield name, path


def _fingerprint(files: Mapping[str, Path], replacement: Replacement) -> str:
    digest = hashlib.sha256(_MADE_AS + replacement.identity)
    for name, path in files.items():
        stat = path.stat()
        digest.update(f"{name}\0{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _make(files: Mapping[str, Path], made: Path, replacement: Replacement) -> None:
    """Write what differs from the export, in a folder that gets its name when it is complete."""
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=made.parent, prefix="draft-"))
    try:
        for name, path in files.items():
            if _is_made(name, path):
                _write(draft / name, _made(path, replacement))
        draft.rename(made)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    log.info("web client made ready files=%d", len(files))


def _is_made(name: str, path: Path) -> bool:
    ending = Path(name).suffix.lower()
    return ending in _SCRIPTS | _PAGES | _TEXTS and path.stat().st_size <= LARGEST_TEXT


def _made(path: Path, replacement: Replacement) -> bytes:
    body = path.read_bytes()
    ending = path.suffix.lower()
    if ending in _PAGES:
        return replacement.in_page(body)
    return replacement.in_script(body) if ending in _SCRIPTS else body


def _write(path: Path, body: bytes) -> None:
    """Write a file and, where it pays, its packed form beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    if len(body) >= SMALLEST_PACKED:
        packed = gzip.compress(body, compresslevel=6, mtime=0)
        if len(packed) < len(body):
            path.with_name(path.name + ".gz").write_bytes(packed)


def _asset(name: str, path: Path, made: Path) -> Asset:
    ending = path.suffix.lower()
    kind = _OTHER_TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    ours = made / name
    is_made = _is_made(name, path)
    # The name of a script tells its content, but not what we put into it.
    is_kept = bool(_HASHED.search(Path(name).name)) and ending not in _SCRIPTS | _PAGES
    return Asset(ours if is_made else path, kind, is_kept)
