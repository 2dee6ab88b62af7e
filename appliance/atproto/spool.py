"""Blocks that wait in a file without a name, so that an archive of any size costs little memory.

Where a block lies is kept in two arrays, sixteen bytes a slot, at most two thirds of them in use: a
table with open addressing. Its places follow Python's keyed hash of the CID, which nobody outside
can foresee; the CID itself stands before each block and is compared when it is read.
"""

import os
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.atproto.cid import Cid

MAX_BLOCKS: Final = 4_000_000
_CID_BYTES: Final = 36
_LENGTH_BITS: Final = 22  # an archive's sections are at most 2 MiB
_LENGTH_MASK: Final = (1 << _LENGTH_BITS) - 1
_HASH_MASK: Final = (1 << 64) - 1
_FIRST_SLOTS: Final = 1 << 12
_BUFFER: Final = 1 << 18


class TooManyBlocks(ValueError):
    """More blocks than anybody's repository has."""

    xrpc_name = "InvalidRequest"

    def __init__(self) -> None:
        super().__init__(f"The archive has more than {MAX_BLOCKS} blocks")


class Spool(Mapping[Cid, bytes]):
    """A mapping from CID to block; blocks are added once and never go."""

    def __init__(self, folder: Path | None) -> None:
        """Open a file in a folder; without one, in memory."""
        self.is_in_memory = folder is None
        self._file = (
            os.fdopen(os.memfd_create("spool"), "w+b", _BUFFER)
            if folder is None
            else tempfile.TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115
        )
        self._hashes = array("Q", bytes(8 * _FIRST_SLOTS))
        self._places = array("Q", bytes(8 * _FIRST_SLOTS))  # 0: the slot is free
        self._count = 0
        # Place 0 stands for a free slot, so nothing may begin there.
        self._end = self._file.write(b"\0")
        self._is_flushed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, cid: Cid, block: bytes) -> None:
        """Store a block, once. Raises TooManyBlocks."""
        hashed = hash(cid) & _HASH_MASK
        slot = self._slot(hashed)
        if self._places[slot]:
            return
        if self._count >= MAX_BLOCKS:
            raise TooManyBlocks
        self._hashes[slot] = hashed
        self._places[slot] = self._end << _LENGTH_BITS | len(block)
        self._end += self._file.write(cid) + self._file.write(block)
        self._is_flushed = False
        self._count += 1
        if self._count * 3 > len(self._places) * 2:
            self._grow()

    def flush(self) -> None:
        """Write out what was added last; else the next read does it."""
        if not self._is_flushed:
            self._file.flush()
            self._is_flushed = True

    def __getitem__(self, cid: Cid) -> bytes:
        place = self._place(cid)
        length = (place & _LENGTH_MASK) + _CID_BYTES
        found = self._read(place, length)
        if found[:_CID_BYTES] != cid:
            raise KeyError(cid)
        return found[_CID_BYTES:]

    def __contains__(self, cid: object) -> bool:
        return isinstance(cid, Cid) and self._read(self._place(cid), _CID_BYTES) == cid

    def __iter__(self) -> Iterator[Cid]:
        for place in self._places:
            if place:
                yield Cid(os.pread(self._file.fileno(), _CID_BYTES, place >> _LENGTH_BITS))

    def __len__(self) -> int:
        return self._count

    def _place(self, cid: Cid) -> int:
        """Tell where a block of such a hash lies; 0: nowhere."""
        return self._places[self._slot(hash(cid) & _HASH_MASK)]

    def _read(self, place: int, length: int) -> bytes:
        self.flush()
        return os.pread(self._file.fileno(), length, place >> _LENGTH_BITS) if place else b""

    def _slot(self, hashed: int) -> int:
        """Find the slot of a hash, or the free one where it belongs."""
        hashes, places = self._hashes, self._places
        mask = len(places) - 1
        slot = hashed & mask
        while places[slot] and hashes[slot] != hashed:
            slot = slot + 1 & mask
        return slot

    def _grow(self) -> None:
        old_hashes, old_places = self._hashes, self._places
        self._hashes = array("Q", bytes(16 * len(old_places)))
        self._places = array("Q", bytes(16 * len(old_places)))
        for hashed, place in zip(old_hashes, old_places, strict=True):
            if place:
                slot = self._slot(hashed)
                self._hashes[slot] = hashed
                self._places[slot] = place
