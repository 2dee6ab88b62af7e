"""What gathers frames stops as soon as somebody waits for one."""

import asyncio
import time

from appliance.firehose.inside import Haste, Pace

LONG = 60.0


async def test_a_pause_lasts_as_long_as_it_should() -> None:
    started = time.monotonic()
    await Haste().pause(0.05)
    assert time.monotonic() - started > 0.04


async def test_whoever_waits_ends_a_pause_that_has_begun_and_all_that_follow() -> None:
    haste = Haste()
    async with asyncio.timeout(LONG / 2):
        pause = asyncio.create_task(haste.pause(LONG))
        await asyncio.sleep(0)
        with haste.wanted(), haste.wanted():
            await pause
            await haste.pause(LONG)


async def test_when_nobody_waits_any_more_there_are_pauses_again() -> None:
    haste = Haste()
    with haste.wanted():
        with haste.wanted():
            pass
        await haste.pause(LONG)
    pause = asyncio.create_task(haste.pause(LONG))
    done, _ = await asyncio.wait([pause], timeout=0.05)
    pause.cancel()
    assert not done


def test_the_pace_is_how_many_come_a_second_of_late() -> None:
    pace, now, rate = Pace(), 1_000.0, 0.0
    for _ in range(100):
        now += 0.02
        rate = pace.note(2, now)
    assert 90 < rate < 110
    for _ in range(100):
        now += 0.1
        rate = pace.note(80, now)
    assert 700 < rate < 950
    assert pace.note(1, now + 60) < 3
    assert 0 < Pace().note(1, 0.0) < 3
