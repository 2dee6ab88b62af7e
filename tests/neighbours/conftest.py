"""Two houses, by name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.street import Home, home


@pytest.fixture(autouse=True)
def _houses_have_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """In life five seconds are enough; here both share a machine with other tests."""
    monkeypatch.setattr("appliance.neighbours.line.SECONDS", 60.0)


@pytest.fixture
async def smiths(tmp_path: Path) -> AsyncIterator[Home]:
    async with home(tmp_path, "smiths") as opened:
        yield opened


@pytest.fixture
async def jones(tmp_path: Path) -> AsyncIterator[Home]:
    async with home(tmp_path, "jones") as opened:
        yield opened
