"""What tests of the whole appliance share: a network that runs, and people in it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import Member, join

Join: TypeAlias = Callable[..., Awaitable[Member]]


@pytest.fixture(scope="session")
def shared_network() -> Iterator[Appliance]:
    """One appliance for the whole run; it must end well, whatever it was sent."""
    appliance = Appliance()
    yield appliance
    appliance.finish()


@pytest.fixture
def network(shared_network: Appliance) -> Iterator[Appliance]:
    """The shared appliance; nothing a test does may make it complain."""
    before = len(shared_network.stderr())
    yield shared_network
    assert shared_network.complaints(before) == []


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=60)
    ) as session:
        yield session


@pytest.fixture
def newcomer(network: Appliance, http: aiohttp.ClientSession) -> Join:
    """Opens an account on the shared network: `await newcomer("ann")`."""

    async def open_account(name: str = "user", **more: Any) -> Member:
        return await join(http, network.pds, name, **more)

    return open_account


@pytest.fixture
async def ann(newcomer: Join) -> Member:
    """A member of the shared network."""
    return await newcomer("ann")


@pytest.fixture
async def bob(newcomer: Join) -> Member:
    """Another member of the shared network."""
    return await newcomer("bob")
