"""The relay's log, translated: each event once, for all who listen."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from appliance.firehose.event_log import EventLog
from appliance.relay.jetstream.items import FIRST_TIME, NUMBERS_PER_EVENT, Item, items_of

KEPT_BYTES = 8_000_000
# A message in JSON, in both dialects, and what Python adds, beside the frame it came from.
BYTES_PER_FRAME_BYTE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where to begin: behind the event `after`, and there with a number or time at least.

    `outdated`: what was asked for is no longer kept, so this is the oldest that is.
    """

    after: int
    number: int = 0
    time_us: int = 0
    outdated: bool = False


class FellBehind(Exception):
    """A subscriber was so slow that what comes next for it is no longer kept."""


class Tape:
    """Reads the log as items. The newest translations are kept, for all; some 8 MB of them."""

    def __init__(self, log: EventLog, kept_bytes: int = KEPT_BYTES) -> None:
        self._log = log
        self._most_bytes = kept_bytes
        self._bytes = 0
        self._kept: OrderedDict[int, tuple[int, list[Item]]] = OrderedDict()

    def place(self, cursor: int | None) -> Place:
        """Find the place of a cursor, which is inclusive; none, or one ahead of us, is live."""
        head, floor = self._log.head(), self._log.floor()
        if cursor is None:
            return Place(head)
        if cursor >= FIRST_TIME:
            # An item may be later than its event, by its place within it.
            after = self._log.since(cursor - NUMBERS_PER_EVENT)
            if after == head:
                return Place(head)
            outdated = 0 < floor == after and self._begins_after(floor, cursor)
            return Place(after, time_us=cursor, outdated=outdated)
        seq = cursor // NUMBERS_PER_EVENT
        if seq > head:
            return Place(head)
        if seq <= floor:
            return Place(floor, outdated=cursor > 0 and seq < floor)
        return Place(seq - 1, number=cursor)

    @property
    def closed(self) -> bool:
        """Whether the log was closed, so that nothing more comes."""
        return self._log.closed

    def floor(self) -> int:
        """Give the number of the oldest item kept."""
        return (self._log.floor() + 1) * NUMBERS_PER_EVENT

    async def items(self, place: Place) -> AsyncIterator[list[Item]]:
        """Yield what comes at a place and after it, event by event, until the log is closed.

        An empty list is a moment to let others have their turn. Raises FellBehind.
        """
        at = place.after
        while batch := await self._log.next(at):
            if batch[0][0] > at + 1 and at < self._log.floor():
                raise FellBehind
            at = batch[-1][0]
            for seq, frame in batch:
                items = self._translated(seq, frame)
                if items and (items[0].number < place.number or items[0].time_us < place.time_us):
                    items = [
                        item
                        for item in items
                        if item.number >= place.number and item.time_us >= place.time_us
                    ]
                yield items
            del batch
            yield []

    def _begins_after(self, floor: int, time_us: int) -> bool:
        batch = self._log.after(floor)
        return bool(batch) and self._log.time_of(batch[0][0]) > time_us

    def _translated(self, seq: int, frame: bytes) -> list[Item]:
        found = self._kept.get(seq)
        if found is not None:
            return found[1]
        time_us = self._log.time_of(seq)
        # Gone since it was read: an account was deleted or taken down.
        items = items_of(seq, time_us, frame) if time_us else []
        size = len(frame) * BYTES_PER_FRAME_BYTE
        self._kept[seq] = (size, items)
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._bytes -= self._kept.popitem(last=False)[1][0]
        return items
