"""Certificates from Pebble, the test authority of Let's Encrypt: the doors, and a whole network."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from appliance.base.addresses import OutboundPolicy
from appliance.https.opening import Https
from tests.support.https_house import NAME, HttpsHouse, house
from tests.support.pebble import Pebble

pytestmark = [pytest.mark.slow, pytest.mark.go]

BAD_NONCES = 40


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> HttpsHouse:
    """Ports, where Pebble looks."""
    return house(tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def pebble(doors: HttpsHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    folder = tmp_path_factory.mktemp("pebble")
    with Pebble(folder, doors.plain_port, doors.port, BAD_NONCES) as running:
        yield running


@pytest.fixture
def small(doors: HttpsHouse, tmp_path: Path) -> HttpsHouse:
    """A network at those ports, with nothing yet."""
    return HttpsHouse(tmp_path, doors.port, doors.plain_port)


def opened(
    small: HttpsHouse, pebble: Pebble, **https: object
) -> AbstractAsyncContextManager[Https]:
    policy = OutboundPolicy(allow_loopback=True, pins={"localhost": pebble.pin})
    return small.open(small.settings(pebble.directory, **https), policy)


async def test_a_certificate_is_got_by_http_and_handles_get_theirs_when_asked_for(
    small: HttpsHouse, pebble: Pebble
) -> None:
    small.members = {f"ann.{NAME}"}
    async with opened(small, pebble):
        await small.until_had()
        await small.until_had_by_asking(f"ann.{NAME}")
        stranger = await small.shown(f"bob.{NAME}")
        assert small.names(stranger) == (NAME,)
    assert set(small.journal().names) == {NAME, f"ann.{NAME}"}


async def test_a_certificate_is_got_by_tls_alone(small: HttpsHouse, pebble: Pebble) -> None:
    async with opened(small, pebble, plain_port=0):
        await small.until_had()


async def test_a_renewed_certificate_is_shown_to_whoever_comes_next(
    small: HttpsHouse, pebble: Pebble
) -> None:
    async with opened(small, pebble) as https:
        before = await small.until_had()
        await https.renew(NAME)
        after = await small.shown(NAME)
        assert after.serial_number != before.serial_number
    async with opened(small, pebble):
        kept = await small.shown(NAME)
        assert kept.serial_number == after.serial_number


async def test_what_the_authority_saw_is_told_and_tried_again(
    small: HttpsHouse, pebble: Pebble
) -> None:
    await pebble.tell_dns("set-default-ipv4", ip="")
    try:
        async with opened(small, pebble) as https:
            assert await small.until_failed() == "connection"
            standing = small.journal().of(NAME)
            assert NAME in standing.failure
            assert standing.next_at > standing.tried_at
            await pebble.tell_dns("set-default-ipv4", ip="127.0.0.1")
            https.try_now()
            await small.until_had()
            assert not small.journal().of(NAME).failure
    finally:
        await pebble.tell_dns("set-default-ipv4", ip="127.0.0.1")
