"""Everything an account has here, as one ZIP file that is made while it is sent.

Nothing is compressed: pictures are already, and a small computer has better things to do. Files
are read in pieces beside the event loop; only one piece is in memory.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Json
from appliance.pds.blobs import BlobNotFound, BlobStore

_PIECE: Final = 1 << 18
_MOMENT: Final = (1980, 1, 1, 0, 0, 0)


@dataclass
class Contents:
    """What goes into an archive."""

    texts: dict[str, str]
    documents: dict[str, Json]
    files: dict[str, BinaryIO]
    blobs: Sequence[tuple[Cid, str]]


class _Sink:
    """What a ZIP file is written to: a place that only goes forward, emptied after each piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """There is nothing behind this that could wait."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def pieces(contents: Contents, blobs: BlobStore) -> Iterator[bytes]:
    """Give the archive piece by piece. Blocks while the disk reads, so call it in a thread."""
    sink = _Sink()
    with zipfile.ZipFile(cast(BinaryIO, sink), "w") as archive:
        for name, text in contents.texts.items():
            archive.writestr(_entry(name), text)
        for name, document in contents.documents.items():
            archive.writestr(_entry(name), json.dumps(document, indent=1, ensure_ascii=False))
        yield sink.taken()
        for name, file in contents.files.items():
            with file:
                yield from _copy(archive, sink, name, file)
        for cid, ending in contents.blobs:
            try:
                file = blobs.open(cid)
            except BlobNotFound:  # deleted since the list was made
                continue
            with file:
                yield from _copy(archive, sink, f"blobs/{cid}{ending}", file)
    yield sink.taken()


def _copy(archive: zipfile.ZipFile, sink: _Sink, name: str, file: BinaryIO) -> Iterator[bytes]:
    with archive.open(_entry(name), "w", force_zip64=True) as entry:
        while piece := file.read(_PIECE):
            entry.write(piece)
            yield sink.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _MOMENT)
