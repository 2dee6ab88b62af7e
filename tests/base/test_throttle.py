"""How often a secret may be guessed."""

import pytest

from appliance.base.throttle import (
    MOST_ADDRESSES,
    TRIES,
    TRIES_TOGETHER,
    WINDOW_SECONDS,
    Throttle,
    TooManyTries,
)
from tests.support.clock import FakeClock


def test_guesses_are_stopped_and_go_on_when_time_has_passed() -> None:
    clock = FakeClock()
    throttle = Throttle(clock.now)
    for _ in range(TRIES):
        throttle.count("one")
    with pytest.raises(TooManyTries) as stop:
        throttle.count("one")
    assert stop.value.wait == WINDOW_SECONDS / 60
    throttle.count("another")
    clock.advance(WINDOW_SECONDS - 90)
    with pytest.raises(TooManyTries) as stop:
        throttle.count("one")
    assert stop.value.wait == 2
    clock.advance(90)
    throttle.count("one")


def test_many_addresses_are_stopped_together() -> None:
    throttle = Throttle(FakeClock().now)
    for number in range(TRIES_TOGETHER):
        throttle.count(f"address {number}")
    with pytest.raises(TooManyTries):
        throttle.count("a fresh address")


def test_who_knew_the_secret_starts_afresh() -> None:
    throttle = Throttle(FakeClock().now)
    for _ in range(TRIES_TOGETHER):
        throttle.count("one")
        throttle.forgive("one")
    throttle.count("one")


def test_addresses_are_not_kept_for_ever() -> None:
    clock = FakeClock()
    throttle = Throttle(clock.now)
    for number in range(MOST_ADDRESSES + 10):
        throttle.count(f"address {number}")
        clock.advance(WINDOW_SECONDS)
    assert len(throttle._tries) == MOST_ADDRESSES
