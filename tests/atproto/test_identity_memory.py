"""Remembering for a time, and looking up once at a time."""

import asyncio

import pytest

from appliance.atproto.identity.memory import Memory, SingleFlight
from tests.support.clock import FakeClock


def test_a_value_is_fresh_for_its_time_and_kept_beyond() -> None:
    clock = FakeClock()
    memory: Memory[str, int] = Memory(clock.now, 10)
    memory.keep("a", 1, 60)
    assert memory.fresh("a") == 1
    clock.advance(60)
    assert memory.fresh("a") is None
    assert memory.any_age("a") == 1
    memory.forget("a")
    memory.forget("a")
    assert memory.any_age("a") is None


def test_a_value_can_be_called_old() -> None:
    memory: Memory[str, int] = Memory(FakeClock().now, 10)
    memory.keep("a", 1, 60)
    memory.expire("a")
    memory.expire("b")
    assert memory.fresh("a") is None
    assert memory.any_age("a") == 1


def test_of_too_many_the_one_used_longest_ago_goes() -> None:
    memory: Memory[str, int] = Memory(FakeClock().now, 2)
    memory.keep("a", 1, 60)
    memory.keep("b", 2, 60)
    assert memory.fresh("a") == 1
    memory.keep("c", 3, 60)
    assert [memory.any_age(key) for key in "abc"] == [1, None, 3]


async def test_a_flight_is_over_when_it_has_landed() -> None:
    flights = SingleFlight()
    calls: list[int] = []

    async def look_up() -> int:
        calls.append(len(calls))
        await asyncio.sleep(0)
        return len(calls)

    assert await asyncio.gather(*(flights.run("key", look_up) for _ in range(3))) == [1, 1, 1]
    assert await flights.run("key", look_up) == 2
    assert calls == [0, 1]


async def test_who_wants_it_anew_is_not_told_what_was_asked_for_before() -> None:
    flights = SingleFlight()
    answer, asked, arrives = "old", 0, asyncio.Event()

    async def look_up() -> str:
        nonlocal asked
        asked += 1
        told = answer
        await arrives.wait()
        await asyncio.sleep(0)
        return told

    first = asyncio.ensure_future(flights.run("key", look_up))
    await asyncio.sleep(0)
    answer = "new"
    later = [
        asyncio.ensure_future(flights.run("key", look_up, anew=anew))
        for anew in (True, False, True)
    ]
    await asyncio.sleep(0)
    arrives.set()
    assert await asyncio.gather(first, *later) == ["old", "new", "old", "new"]
    # Those two shared theirs.
    assert asked == 2


async def test_who_wants_it_anew_is_not_told_of_an_earlier_failure() -> None:
    flights = SingleFlight()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise LookupError("not yet")

    async def succeed() -> str:
        return "here"

    first = asyncio.ensure_future(flights.run("key", fail))
    await asyncio.sleep(0)
    assert await flights.run("key", succeed, anew=True) == "here"
    with pytest.raises(LookupError):
        await first


async def test_a_failure_is_not_remembered() -> None:
    flights = SingleFlight()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise LookupError("no such thing")

    async def succeed() -> int:
        return 1

    outcomes = await asyncio.gather(
        flights.run("key", fail), flights.run("key", fail), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["no such thing"] * 2
    assert outcomes[0] is not outcomes[1]
    assert await flights.run("key", succeed) == 1


async def test_a_bug_in_one_look_up_does_not_leave_the_others_waiting() -> None:
    flights = SingleFlight()

    async def bug() -> int:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    outcomes = await asyncio.gather(
        flights.run("key", bug), flights.run("key", bug), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2
    with pytest.raises(ZeroDivisionError):
        await flights.run("key", bug)
