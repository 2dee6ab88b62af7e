"""The newest commits that this process made and signed: what is known is not found out anew.

A frame is recognised by its bytes, all of them but its number, and by nothing else: it does not
matter which socket it came through, so nobody can give out another frame for one of ours. What is
saved is reading, hashing and undoing what was put together a moment ago; whether the account's key
is the one that signed, whether its host may speak for it and whether the commit follows on the
one before is for the reader to see, as with any other frame.
"""

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from appliance.atproto.xrpc.frames import Unnumbered
from appliance.firehose.events import CommitEvent

MOST_BYTES: Final = 1_000_000
# The end of a frame holds the CIDs of the commit and of the tree before it.
_MARK_BYTES: Final = 128


class OwnFrames:
    """Commits made here, by the bytes of their frames; the oldest are forgotten.

    `note` is for one thread, `find` for any.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, tuple[Unnumbered, CommitEvent]] = OrderedDict()

    def note(self, event: CommitEvent) -> None:
        """Keep a commit for those who will read it; nothing is kept of one not made here."""
        if event.made is None:
            return
        frame = event.made.frame
        mark = frame.tail[-_MARK_BYTES:]
        if mark in self._kept:
            return
        self._kept[mark] = frame, event
        self._bytes += len(frame.tail)
        while self._bytes > self._most_bytes:
            _, (oldest, _) = self._kept.popitem(last=False)
            self._bytes -= len(oldest.tail)

    def find(self, frame: bytes) -> CommitEvent | None:
        """Give what was made here as this very frame, with the number that it has now."""
        found = self._kept.get(frame[-_MARK_BYTES:])
        if found is None:
            return None
        made, event = found
        seq = made.number_in(frame)
        return None if seq is None else replace(event, seq=seq)
