"""The newest commits that this process made and signed: what is known is not found out anew.

A frame is recognised by its bytes, all of them but its number, and by nothing else: it does not
matter which socket it came through, so nobody can give out another frame for one of ours. What is
saved is reading, hashing and undoing what was put together a moment ago; whether the account's key
is the one that signed, whether its host may speak for it and whether the commit follows on the
one before is for the reader to see, as with any other frame.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from appliance.atproto.xrpc.frames import Unnumbered
from appliance.firehose.events import CommitEvent

MOST_BYTES: Final = 1_000_000
# Relay and AppView: after them nobody asks for it, and it takes three times its bytes.
READERS: Final = 2
# The end of a frame holds the CIDs of the commit and of the tree before it.
_MARK_BYTES: Final = 128


class OwnFrames:
    """Commits made here, by the bytes of their frames, until all have read them.

    The oldest are forgotten above a size: a reader that comes late reads like any other's. Safe in
    any thread.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, event: CommitEvent) -> None:
        """Keep a commit for those who will read it; nothing is kept of one not made here."""
        if event.made is None:
            return
        frame = event.made.frame
        mark = frame.tail[-_MARK_BYTES:]
        with self._lock:
            if mark in self._kept:
                return
            self._kept[mark] = _Kept(frame, event)
            self._bytes += len(frame.tail)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def find(self, frame: bytes) -> CommitEvent | None:
        """Give what was made here as this very frame, with the number that it has now."""
        mark = frame[-_MARK_BYTES:]
        kept = self._kept.get(mark)
        if kept is None or (seq := kept.frame.number_in(frame)) is None:
            return None
        with self._lock:
            kept.readers += 1
            if kept.readers == READERS:
                self._drop(mark)
        return replace(kept.event, seq=seq)

    def _drop(self, mark: bytes) -> None:
        kept = self._kept.pop(mark, None)
        if kept is not None:
            self._bytes -= len(kept.frame.tail)


@dataclass(slots=True)
class _Kept:
    """A frame without its number, what it says, and how many have read it."""

    frame: Unnumbered
    event: CommitEvent
    readers: int = 0
