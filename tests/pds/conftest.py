"""A PDS on sockets, and its first member."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.pds_box import Box, Member, open_box


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


@pytest.fixture
async def alice(box: Box) -> Member:
    return await box.sign_up()
