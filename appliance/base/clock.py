"""The time of day, as an object, so that tests can hold it still."""

import time
from datetime import UTC, datetime


class Clock:
    """Tell the time; tests subclass it and override `now_us`."""

    def now_us(self) -> int:
        """Tell the time in microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def now(self) -> float:
        """Tell the time in seconds since 1970, UTC."""
        return self.now_us() / 1_000_000

    def iso(self) -> str:
        """Tell the time as an RFC 3339 text in UTC with milliseconds."""
        moment = datetime.fromtimestamp(self.now_us() / 1_000_000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
