"""What the AppView's tests share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from appliance.appview.role import AppView
from appliance.settings import Settings
from tests.support.appview_house import AppViewHouse, open_house
from tests.support.appview_network import FakeNetwork, fake_network, network_settings, open_role
from tests.support.index_lab import IndexLab, open_lab


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AppViewHouse]:
    """An AppView that is asked by HTTP; accounts write straight into its index."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[IndexLab]:
    with open_lab(tmp_path) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return network_settings(tmp_path)


@pytest.fixture
async def network(settings: Settings) -> AsyncIterator[FakeNetwork]:
    async with fake_network(settings) as opened:
        yield opened


@pytest.fixture
async def appview(settings: Settings, network: FakeNetwork) -> AsyncIterator[AppView]:
    async with open_role(settings) as role:
        yield role
