import re
import time

from appliance.base.clock import Clock
from tests.support.clock import FakeClock


def test_the_clock_tells_the_time() -> None:
    clock = Clock()
    before = time.time()
    told, told_us = clock.now(), clock.now_us()
    assert before <= told <= time.time()
    assert before * 1e6 - 1 <= told_us <= time.time() * 1e6 + 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", clock.iso())


def test_a_clock_can_be_held_and_moved() -> None:
    clock = FakeClock(1_790_000_000.25)
    assert clock.now() == 1_790_000_000.25
    assert clock.iso() == "2026-09-21T14:13:20.250Z"
    clock.advance(-3600)
    assert clock.now_us() == 1_789_996_400_250_000
