"""The owner's wish that what failed is tried at once."""

import asyncio
from pathlib import Path

from appliance.upkeep.again import Again, wish


async def test_a_wish_ends_the_waiting_of_all_that_wait(tmp_path: Path) -> None:
    waiting = [Again(tmp_path) for _ in range(2)]
    waits = [asyncio.create_task(each.wait(600)) for each in waiting]
    await asyncio.sleep(0)
    wish(tmp_path)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*waits) == [True, True]


async def test_each_wish_is_heard_once_and_those_of_before_not_at_all(tmp_path: Path) -> None:
    wish(tmp_path)
    again = Again(tmp_path)
    assert not await again.wait(0)
    wish(tmp_path)
    assert await again.wait(0)
    assert not await again.wait(0)
