"""One at a time, by name."""

import asyncio
import gc

from appliance.base.turns import Turns


async def test_what_has_one_name_is_done_one_after_the_other() -> None:
    turns: Turns[str] = Turns()
    told: list[str] = []

    async def work(name: str, what: str) -> None:
        async with turns.of(name):
            told.append(f"{what} begins")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            told.append(f"{what} ends")

    await asyncio.gather(work("a", "one"), work("a", "two"), work("b", "other"))
    mine = [each for each in told if not each.startswith("other")]
    assert mine == ["one begins", "one ends", "two begins", "two ends"]
    # Another name did not wait.
    assert told.index("other begins") < told.index("one ends")


async def test_names_are_forgotten() -> None:
    turns: Turns[int] = Turns()
    for number in range(100):
        async with turns.of(number):
            assert len(turns) >= 1
    gc.collect()
    assert len(turns) == 0
