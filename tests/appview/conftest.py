"""What the AppView's tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.appview_house import AppViewHouse, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AppViewHouse]:
    async with open_house(tmp_path) as opened:
        yield opened
