"""A clock that stands still until a test moves it."""

from appliance.base.clock import Clock


class FakeClock(Clock):
    def __init__(self, start: float = 1_790_000_000.0) -> None:
        self._us = int(start * 1_000_000)

    def now_us(self) -> int:
        return self._us

    def advance(self, seconds: float) -> None:
        self._us += int(seconds * 1_000_000)
