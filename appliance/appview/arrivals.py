"""When a record came: people are told of what is new, in the order in which it came."""

from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import InvalidSyntax
from appliance.atproto.tid import Tid

LATE_US: Final = 300 * 1_000_000


def arrival_us(told_us: int, now_us: int) -> int:
    """Say when something came (microseconds): now, unless it is old, and read again or late.

    So a new index has everything in its old place, and nobody is told old things as news.
    """
    return now_us if told_us > now_us - LATE_US else max(0, told_us)


@dataclass(frozen=True, slots=True)
class Gap:
    """What an account has written since we knew it: after one rev of its repo, up to another."""

    after: str
    until: str

    def arrival_us(self, rkey: str, now_us: int) -> int | None:
        """Say when a record we did not know came, by its key; None: it is older than the gap."""
        try:
            written = Tid(rkey)
        except InvalidSyntax:
            return None
        if written <= self.after:
            return None
        return min(written.to_us(), Tid(self.until).to_us(), now_us)
