"""Places for subscribers are limited in all and for one address; our own roles need none."""

from contextlib import ExitStack

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.firehose.seats import Seats


def come(address: str) -> web.Request:
    return make_mocked_request("GET", "/").clone(remote=address)


def test_one_address_takes_only_its_share_and_gets_it_back() -> None:
    seats = Seats(most=4, most_per_address=2)
    with ExitStack() as sitting:
        for _ in range(2):
            sitting.enter_context(seats.taken_by(come("192.0.2.1")))
        with pytest.raises(RateLimitExceeded) as refused, seats.taken_by(come("192.0.2.1")):
            pytest.fail("a third place was given")
        assert refused.value.headers["Retry-After"] == "60"
        sitting.enter_context(seats.taken_by(come("2001:db8::1")))
        sitting.enter_context(seats.taken_by(come("2001:db8::2")))
        assert seats.taken == 4
        with pytest.raises(RateLimitExceeded), seats.taken_by(come("192.0.2.9")):
            pytest.fail("a fifth place was given")
        for _ in range(9):
            sitting.enter_context(seats.taken_by(come("")))
    assert seats.taken == 0
    with seats.taken_by(come("192.0.2.1")):
        assert seats.taken == 1


def test_without_limits_everybody_sits() -> None:
    seats = Seats()
    with ExitStack() as sitting:
        for _ in range(50):
            sitting.enter_context(seats.taken_by(come("192.0.2.1")))
        assert seats.taken == 50
