"""What tests of the whole appliance share: a network that runs, and people in it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest

from tests.support import (
    answered,
    campaigns,
    chance,
    order,
    quick_disk,
    quick_passwords,
    second_try,
)
from tests.support.appliance import Appliance
from tests.support.client import Member, join
from tests.support.lateness import Lateness
from tests.support.threats_shown import ThreatsShown

Join: TypeAlias = Callable[..., Awaitable[Member]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let nonsense be asked for longer than there is time for each day."""
    campaigns.pytest_addoption(parser)
    second_try.pytest_addoption(parser)
    parser.addoption("--fuzz", type=int, default=1, help="how many times as much nonsense")
    parser.addoption("--tally", type=Path, help="a folder for what fuzzers were answered")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to what is answered from the first test on; meet nobody on this machine's network."""
    answered.listen()
    quick_passwords.hurry()
    quick_disk.hurry()
    chance.tame(config)
    campaigns.pytest_configure(config)
    second_try.pytest_configure(config)
    config.pluginmanager.register(order)
    config.pluginmanager.register(answered.LookingBack())
    config.pluginmanager.register(ThreatsShown())
    config.pluginmanager.register(Lateness(config))
    os.environ.update({"HEARTH_NEIGHBOURS_PORT": "0", "HEARTH_NEIGHBOURS_ANNOUNCE": "false"})


@pytest.fixture
def passwords_as_in_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what hashing costs: elsewhere it is quick."""
    quick_passwords.as_in_life(monkeypatch)


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
