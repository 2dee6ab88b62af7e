"""Blobs as files: received in one pass, named by their CID, synced before they are spoken of."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from appliance.atproto.cid import RAW, Cid, InvalidCid
from appliance.base import room

_CHUNK = 256 * 1024
_HEAD = 64  # bytes of a file that sniffing looks at

# ISO base media files name their brand at offset 8.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4V ": "video/x-m4v",
}
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"<?xml ", "application/xml"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)


class BlobTooLarge(ValueError):
    """The upload goes over the limit."""

    xrpc_name = "BlobTooLarge"

    def __init__(self, limit: int) -> None:
        super().__init__(f"Blob is larger than the limit of {limit} bytes")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class ReceivedBlob:
    """A blob on its way in: its content is known, its name not yet taken."""

    cid: Cid
    size: int
    mime_type: str
    temporary: Path


def path_in(folder: Path, cid: Cid) -> Path:
    """Say where in a folder of blobs a blob is."""
    name = str(cid)
    # The first characters of all raw CIDs are the same; the last are spread evenly.
    return folder / name[-2:] / name[-4:-2] / name


class BlobFiles:
    """The folder of blobs: `<folder>/<2 characters>/<2 characters>/<cid>`.

    Only texts made from a checked CID become file names. Calls block for as long as the disk
    needs, so the larger ones belong in a thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        # Not always the disk of the databases.
        self._room = room.Room(folder)
        for left_over in self._incoming.iterdir():
            left_over.unlink()

    def path(self, cid: Cid) -> Path:
        return path_in(self._folder, cid)

    async def receive(
        self,
        chunks: AsyncIterable[bytes],
        limit: int,
        declared_type: str,
        check_type: Callable[[str], None] | None = None,
    ) -> ReceivedBlob:
        """Write a stream to a temporary file, hashing, measuring and sniffing on the way.

        Raises NoRoom, BlobTooLarge as soon as one byte is too many, and what `check_type` raises.
        """
        self._room.require()
        file, path = self._temporary()
        digest, size, head = sha256(), 0, b""
        try:
            with room.named(), file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise BlobTooLarge(limit)
                    self._room.require()
                    if len(head) < _HEAD:
                        head += chunk[:_HEAD]
                    digest.update(chunk)
                    file.write(chunk)
            found_type = sniff(head) or declared_type
            if check_type is not None:
                check_type(found_type)
        except BaseException:
            path.unlink()
            raise
        cid = Cid.from_digest(RAW, digest.digest())
        return ReceivedBlob(cid, size, found_type, path)

    def keep(self, received: ReceivedBlob) -> None:
        """Give a received file its name, and sync it and the folders above it."""
        _sync(received.temporary)
        target = self.path(received.cid)
        target.parent.mkdir(parents=True, exist_ok=True)
        received.temporary.replace(target)
        for folder in (target.parent, target.parent.parent, self._folder):
            _sync(folder)

    def discard(self, cid: Cid) -> None:
        self.path(cid).unlink(missing_ok=True)

    def names(self) -> Iterator[Cid]:
        """Yield the CIDs of all blobs there are; what else lies about is left alone."""
        for path in self._folder.glob("??/??/b*"):
            with contextlib.suppress(InvalidCid):
                yield Cid.parse(path.name)

    def _temporary(self) -> tuple[BinaryIO, Path]:
        handle, name = tempfile.mkstemp(dir=self._incoming)
        return os.fdopen(handle, "wb"), Path(name)


class DamagedBlob(Exception):
    """The file is not what its name says: our own storage is damaged."""


class FileChunks:
    """An open file in pieces, read beside the event loop: a card may be slow.

    With a CID its last piece is given only if all of it is what the CID says: else DamagedBlob.
    `aclose` closes the file, also when nothing was read of it.
    """

    def __init__(self, file: BinaryIO, cid: Cid | None = None) -> None:
        self._file = file
        self._cid = cid
        self._digest = sha256()
        # Not asked of the system: an archive that is in memory would be put into a file for that.
        begin = file.tell()
        self._size = file.seek(0, os.SEEK_END)
        file.seek(begin)
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = b"" if self._ended else await asyncio.to_thread(self._read)
        if not chunk:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    def _read(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        self._ended = len(chunk) < _CHUNK or self._file.tell() >= self._size
        if self._cid is not None:
            self._digest.update(chunk)
            if self._ended and Cid.from_digest(RAW, self._digest.digest()) != self._cid:
                raise DamagedBlob(f"the file of the blob {self._cid} is not what its name says")
        return chunk

    async def aclose(self) -> None:
        self._file.close()


def sniff(head: bytes) -> str | None:
    """Tell the media type by the first bytes of a file; None when they say nothing."""
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return mime_type
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head else "video/x-matroska"
    return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
