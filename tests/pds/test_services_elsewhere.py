"""What is known of services elsewhere."""

import asyncio

import pytest

from appliance.atproto.syntax import Did
from appliance.pds import services_elsewhere
from appliance.pds.services_elsewhere import (
    AWAY_SECONDS,
    MOST_AT_ONCE,
    ServicesElsewhere,
    UpstreamFailed,
)
from tests.support.clock import FakeClock

NAME = "https://views.example.com"
ANN, BOB = Did("did:web:ann.example.com"), Did("did:web:bob.example.com")


async def fails(services: ServicesElsewhere, name: str = NAME) -> None:
    async with services.tried(name) as trial:
        trial.failed()


async def test_what_failed_is_away_for_a_while_and_then_tried_by_one() -> None:
    clock = FakeClock()
    services = ServicesElsewhere(clock.now)
    await fails(services)
    assert services.is_away(NAME)
    with pytest.raises(UpstreamFailed):
        await fails(services)
    clock.advance(AWAY_SECONDS)
    async with services.tried(NAME) as trial:
        with pytest.raises(UpstreamFailed):
            await fails(services)
        trial.answered()
    async with services.tried(NAME), services.tried(NAME):
        assert not services.is_away(NAME)


async def test_a_trial_that_is_given_up_leaves_it_to_the_next() -> None:
    clock = FakeClock()
    services = ServicesElsewhere(clock.now)
    await fails(services)
    clock.advance(AWAY_SECONDS)
    with pytest.raises(asyncio.CancelledError):
        async with services.tried(NAME):
            raise asyncio.CancelledError
    assert not services.is_away(NAME)
    async with services.tried(NAME):
        assert services.is_away(NAME)


async def test_our_own_roles_are_never_away() -> None:
    services = ServicesElsewhere(FakeClock().now)
    await fails(services, "unix:/run/appview.sock")
    assert not services.is_away("unix:/run/appview.sock")


async def test_the_places_of_one_are_not_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_elsewhere, "PLACE_SECONDS", 0.05)
    services = ServicesElsewhere(FakeClock().now)
    held = [services.place(ANN) for _ in range(MOST_AT_ONCE)]
    for place in held:
        await place.__aenter__()
    with pytest.raises(UpstreamFailed):
        async with services.place(ANN):
            pass
    async with services.place(BOB):
        pass
    for place in held:
        await place.__aexit__(None, None, None)
    async with services.place(ANN):
        pass
