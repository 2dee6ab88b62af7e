"""The blocks of a repo on their way into the index: in a file, so that memory holds only places."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Self

from appliance.atproto.cid import Cid


class BlockSpool(Mapping[Cid, bytes]):
    """Blocks by CID, in a temporary file that is gone when it is closed.

    Added by one thread, then read by any.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="hearth-repo-")  # noqa: SIM115
        self._places: dict[Cid, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, cid: Cid, block: bytes) -> None:
        """Keep a block; its CID has been checked."""
        self._file.write(block)
        self._places[cid] = (self._end, len(block))
        self._end += len(block)

    def finish(self) -> None:
        """Say that all blocks are here: they may be read from now on."""
        self._file.flush()

    def __getitem__(self, cid: Cid) -> bytes:
        start, length = self._places[cid]
        return os.pread(self._file.fileno(), length, start)

    def __contains__(self, cid: object) -> bool:
        return cid in self._places

    def __iter__(self) -> Iterator[Cid]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
