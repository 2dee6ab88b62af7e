"""How much a host and each of its accounts may send.

A host over its rate is not read on until it is its turn again, so nothing is lost. Of an account
over its rate, what is too much is kept apart. Hosts that we have chosen have no rates.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.firehose.events import CommitEvent, RepoEvent

MAX_ACCOUNTS_KEPT = 20_000
# An event older than this is one that we catch up on: it says nothing of its account's pace.
CATCHING_UP_US = 10 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, refilled by so many a second."""

    burst: float
    per_second: float


HOST_RATES: Final = (
    Rate(200.0, 20.0),
    Rate(5_000.0, 5_000.0 / 3_600),
    Rate(50_000.0, 50_000.0 / 86_400),
)
ACCOUNT_RATE: Final = Rate(60.0, 1.0)


class Bucket:
    """What is left of a rate."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at = now

    def take(self, count: int, now: float) -> float:
        """Take some, also more than there are; tell how many seconds must pass to make up."""
        refilled = self._left + max(now - self._at, 0.0) * self._rate.per_second
        self._left = min(refilled, self._rate.burst) - count
        self._at = now
        return max(0.0, -self._left / self._rate.per_second)

    def give_back(self, count: int) -> None:
        """Undo a `take`."""
        self._left += count


class Rates:
    """The rates of all hosts and of the accounts that sent something lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hosts: dict[int, tuple[Bucket, ...]] = {}
        self._accounts: OrderedDict[tuple[int, Did], Bucket] = OrderedDict()

    def host_pause(self, host_id: int, count: int) -> float:
        """Count what a host sent; tell how many seconds not to read from it."""
        now = self._clock.now()
        if host_id not in self._hosts:
            self._hosts[host_id] = tuple(Bucket(rate, now) for rate in HOST_RATES)
        return max(bucket.take(count, now) for bucket in self._hosts[host_id])

    def forgive(self, host_id: int) -> None:
        """Let a host begin anew."""
        self._hosts.pop(host_id, None)

    def too_fast(self, host_id: int, event: RepoEvent) -> bool:
        """Count what a host sent of an account; tell whether it is too much."""
        if isinstance(event, CommitEvent) and self._is_old(event):
            return False
        now = self._clock.now()
        key = host_id, event.did
        bucket = self._accounts.pop(key, None) or Bucket(ACCOUNT_RATE, now)
        self._accounts[key] = bucket
        if len(self._accounts) > MAX_ACCOUNTS_KEPT:
            self._accounts.popitem(last=False)
        if bucket.take(1, now) > 0:
            bucket.give_back(1)
            return True
        return False

    def _is_old(self, event: CommitEvent) -> bool:
        return event.rev.to_us() < self._clock.now_us() - CATCHING_UP_US
