"""How much the relay sends on: events by hour, of the last day."""

from typing import Final

from appliance.base.clock import Clock
from appliance.firehose.event_log import EventLog

HOURS: Final = 24
HOUR_US: Final = 3600 * 1_000_000


class StreamRate:
    """Counts by number: where numbers were skipped after a restore, that hour seems busy."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        # Where an hour that is over ended does not change any more.
        self._ends: dict[int, int] = {}

    def by_hour(self) -> list[tuple[int, int]]:
        """Give (beginning in microseconds, events) of each hour, the one that runs last."""
        now = self._clock.now_us()
        last = now - now % HOUR_US
        starts = [last - back * HOUR_US for back in range(HOURS - 1, -1, -1)]
        self._ends = {at: self._ends.get(at) or self._log.since(at) for at in starts}
        cursors = [*(self._ends[at] for at in starts), self._log.head()]
        return [
            (at, max(0, after - before))
            for at, before, after in zip(starts, cursors, cursors[1:], strict=False)
        ]
