"""How often a secret may be guessed."""

import pytest

from appliance.base.throttle import (
    MOST_KEPT,
    TRIES,
    TRIES_OF_ADDRESS,
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


def test_one_address_does_not_use_up_what_all_have() -> None:
    throttle = Throttle(FakeClock().now, 2 * TRIES_OF_ADDRESS)
    for number in range(TRIES_OF_ADDRESS):
        throttle.count("one", f"name {number}")
    with pytest.raises(TooManyTries):
        throttle.count("one", "a fresh name")
    throttle.count("another", "a fresh name")


def test_what_is_tried_at_one_thing_holds_up_no_other() -> None:
    throttle = Throttle(FakeClock().now)
    for number in range(TRIES_TOGETHER):
        throttle.count(f"address {number}", "ann")
    with pytest.raises(TooManyTries):
        throttle.count("a fresh address", "ann")
    throttle.count("a fresh address", "bob")


def test_who_knew_it_before_is_not_kept_out_by_others() -> None:
    clock = FakeClock()
    throttle = Throttle(clock.now)
    throttle.count("home", "ann")
    throttle.forgive("home", "ann")
    for number in range(TRIES_TOGETHER):
        throttle.count(f"address {number}", "ann")
    for number in range(TRIES_OF_ADDRESS):
        throttle.count("home", f"name {number}")
    for _ in range(TRIES):
        throttle.count("home", "ann")
    with pytest.raises(TooManyTries):
        throttle.count("home", "ann")
    throttle.forgive("home", "ann")
    with pytest.raises(TooManyTries):
        throttle.count("a fresh address", "ann")
    with pytest.raises(TooManyTries):
        throttle.count("home", "bob")


def test_a_network_of_ipv6_is_one_address() -> None:
    throttle = Throttle(FakeClock().now)
    for number in range(TRIES):
        throttle.count(f"2001:db8::{number + 1:x}")
    with pytest.raises(TooManyTries):
        throttle.count("2001:db8::ffff:1")
    throttle.count("2001:db8:0:1::1")


def test_not_all_is_kept_for_ever() -> None:
    clock = FakeClock()
    throttle = Throttle(clock.now)
    for number in range(MOST_KEPT + 10):
        throttle.count(f"address {number}")
        throttle.forgive(f"address {number}")
        throttle.count(f"address {number}")
        clock.advance(WINDOW_SECONDS)
    assert (len(throttle._tries), len(throttle._known)) == (MOST_KEPT, MOST_KEPT)
