"""The line of searches: callers in turn, and no turn is lost by whoever leaves it."""

import asyncio
import random
from collections.abc import Iterable

import pytest

from appliance.base.search_line import MOST_OF_ONE_CALLER, MOST_WAITING, LineFull, SearchLine


async def wait_in(line: SearchLine, caller: str | None, order: list[str | None]) -> None:
    await line.enter(caller)
    order.append(caller)


async def begin(
    line: SearchLine, callers: Iterable[str], order: list[str | None]
) -> list[asyncio.Future[None]]:
    waiting: list[asyncio.Future[None]] = [
        asyncio.ensure_future(wait_in(line, caller, order)) for caller in callers
    ]
    await asyncio.sleep(0)
    return waiting


async def test_callers_take_turns_whatever_each_has_waiting() -> None:
    line, order = SearchLine(1), list[str | None]()
    await begin(line, "aaaabbc", order)
    for _ in range(7):
        line.leave()
        await asyncio.sleep(0)
    assert order == ["a", "b", "c", "a", "b", "a", "a"]
    await begin(line, "d", order)
    assert order[-1] == "d"
    assert not line.is_wanted


async def test_who_has_too_many_waiting_is_refused_and_others_are_not() -> None:
    line, order = SearchLine(1), list[str | None]()
    await begin(line, "a" * (1 + MOST_OF_ONE_CALLER), order)
    with pytest.raises(LineFull) as refused:
        await line.enter("a")
    assert refused.value.of_caller
    most = "bcdefgh"[: (MOST_WAITING - MOST_OF_ONE_CALLER) // MOST_OF_ONE_CALLER]
    await begin(line, most * MOST_OF_ONE_CALLER, order)
    left = MOST_WAITING - MOST_OF_ONE_CALLER * (1 + len(most))
    await begin(line, "z" * left, order)
    with pytest.raises(LineFull) as refused:
        await line.enter(None)
    assert not refused.value.of_caller
    for _ in range(1 + MOST_WAITING):
        line.leave()
        await asyncio.sleep(0)
    assert len(order) == 1 + MOST_WAITING
    assert not line.is_wanted


async def test_who_goes_away_while_waiting_takes_no_turn_along() -> None:
    line, order = SearchLine(1), list[str | None]()
    (_, gone, _, late) = await begin(line, "abcd", order)
    gone.cancel()
    await asyncio.sleep(0)
    line.leave()
    await asyncio.sleep(0)
    assert order == ["a", "c"]
    # Cancelled in the very turn in which it is its turn: the next has it.
    (_,) = await begin(line, "e", order)
    line.leave()
    late.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == ["a", "c", "e"]
    assert not line.is_wanted


@pytest.mark.parametrize("seed", range(20))
async def test_no_turn_is_lost_or_given_twice(seed: int) -> None:
    chance, line = random.Random(seed), SearchLine(2)  # noqa: S311
    inside = most = done = 0

    async def search(caller: str) -> None:
        nonlocal inside, most, done
        await line.enter(caller)
        inside += 1
        most = max(most, inside)
        try:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            inside -= 1
            line.leave()
            done += 1

    tasks: list[asyncio.Future[None]] = []
    for _ in range(300):
        tasks.append(asyncio.ensure_future(search(chance.choice("abcdef"))))
        if chance.random() < 0.4:
            chance.choice(tasks).cancel()
        if chance.random() < 0.7:
            await asyncio.sleep(0)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} <= {type(None), asyncio.CancelledError, LineFull}
    assert (inside, line.is_wanted) == (0, False)
    assert 0 < most <= 2
    assert done > 100
    await asyncio.wait_for(asyncio.gather(line.enter("x"), line.enter("y")), 60)
