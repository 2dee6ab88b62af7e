"""When the next backup comes: by the hour that was chosen, after a failure, after a cut."""

from datetime import datetime, timedelta
from typing import Final

from appliance.upkeep.backup_journal import Journal

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
# A little less than a day, so that the hour of the day stays the same.
SOON_ENOUGH: Final = 20 * HOUR
TOO_OLD: Final = 30 * HOUR
AFTER_FAILURE: Final = HOUR
# As long after a start as the doctor waits. Each further one that is cut off doubles it, up to an
# hour: should the copying itself be what ends the network, that is not done all the time.
AFTER_CUT: Final = 180.0


def next_at(journal: Journal, hour: int, now: float, *, began: float = 0.0, cut: bool) -> float:
    """Tell from when on a backup is due; what is past means now.

    `began`: when the network was started. `cut`: the last one was begun, and nobody is at it.
    """
    tried = journal.tried_at if journal.taken_at < journal.tried_at <= now else 0.0
    earliest = journal.taken_at + SOON_ENOUGH
    if tried and cut:
        pause = min(AFTER_CUT * 2.0**journal.cut_off, AFTER_FAILURE)
        return max(earliest, max(tried, began) + pause)
    earliest = max(earliest, tried + AFTER_FAILURE if tried else 0.0)
    if not journal.taken_at:
        return earliest
    at_the_hour = _the_hour(hour, max(now, earliest))
    return max(earliest, min(at_the_hour, journal.taken_at + TOO_OLD))


def _the_hour(hour: int, moment: float) -> float:
    """Give the first moment from this one on at which it is that hour here."""
    local = datetime.fromtimestamp(moment).astimezone()
    if local.hour == hour:
        return moment
    start = local.replace(hour=hour, minute=0, second=0, microsecond=0, tzinfo=None)
    if hour < local.hour:
        start += timedelta(days=1)
    return start.astimezone().timestamp()
