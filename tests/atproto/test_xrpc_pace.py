"""How much of the loop's time those who call at once are given in one turn."""

import asyncio
import time
from contextlib import suppress

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.xrpc.methods import MethodTable
from appliance.atproto.xrpc.pace import FROM_THE_LINE, LONGEST_TURN, Pace
from appliance.atproto.xrpc.server import add_methods
from tests.support.xrpc_service import CATALOG

WORK = LONGEST_TURN / 2


class Clock:
    """A clock that goes on when somebody works."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now

    def work(self) -> None:
        self.now += WORK


async def pass_by(pace: Pace) -> None:
    if pace.is_full():
        await pace.wait()


class Turns:
    """What is done between two looks of the event loop, turn by turn."""

    def __init__(self) -> None:
        self.each: list[int] = []
        self.done = 0
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_soon(lambda: None)

    def begin(self) -> None:
        self._next = self._loop.call_soon(self._look)

    def end(self) -> None:
        self._next.cancel()
        self.each.append(self.done)
        self.done = 0

    def _look(self) -> None:
        self.each.append(self.done)
        self.done = 0
        self._next = self._loop.call_soon(self._look)


async def test_those_who_come_at_once_are_served_over_many_turns_in_their_order() -> None:
    clock, served = Clock(), []
    pace, turns = Pace(clock), Turns()
    turns.begin()

    async def come(number: int) -> None:
        await pass_by(pace)
        clock.work()
        turns.done += 1
        served.append(number)

    await asyncio.gather(*(come(number) for number in range(50)))
    turns.end()
    assert served == list(range(50))
    assert max(turns.each) == LONGEST_TURN / WORK


async def test_of_those_in_line_so_many_go_on_as_the_turn_has_room_for() -> None:
    clock, turns = Clock(), Turns()
    pace = Pace(clock)

    async def come(takes: float) -> None:
        await pass_by(pace)
        clock.now += takes
        turns.done += 1

    for takes, at_once in ((0.0, FROM_THE_LINE), (2 * LONGEST_TURN, 1)):
        turns.each.clear()
        turns.begin()
        # The first leaves no room in its turn.
        await asyncio.gather(*(come(each) for each in (LONGEST_TURN, *[takes] * 20)))
        turns.end()
        assert max(turns.each) == at_once


async def test_who_comes_while_others_wait_stands_behind_them() -> None:
    clock, served = Clock(), []
    pace = Pace(clock)

    async def come(number: int) -> None:
        await pass_by(pace)
        clock.work()
        served.append(number)
        if number < 10:
            late.append(asyncio.ensure_future(come(number + 100)))

    late: list[asyncio.Future[None]] = []
    await asyncio.gather(*(come(number) for number in range(30)))
    await asyncio.gather(*late)
    # The first two found the turn empty; by the time of their followers thirty stood in line.
    assert served == [*range(30), *range(100, 110)]


async def test_what_takes_no_time_never_waits() -> None:
    pace = Pace(Clock())
    assert not any(pace.is_full() for _ in range(1000))


async def test_a_new_turn_has_room_again() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert not pace.is_full()
    clock.now += LONGEST_TURN
    assert pace.is_full()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not pace.is_full()


async def test_who_gives_up_takes_nobodys_place() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert not pace.is_full()
    clock.now += LONGEST_TURN
    waiting = [asyncio.ensure_future(pace.wait()) for _ in range(FROM_THE_LINE + 1)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with suppress(asyncio.CancelledError):
        await waiting[0]
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting[1:])


def test_a_line_of_a_loop_that_has_ended_holds_up_nobody() -> None:
    clock = Clock()
    pace = Pace(clock)
    waiting: list[asyncio.Future[None]] = []

    async def left_behind() -> None:
        pace.is_full()
        clock.now += LONGEST_TURN
        assert pace.is_full()
        waiting.append(asyncio.ensure_future(pace.wait()))
        await asyncio.sleep(0)

    async def later() -> bool:
        return pace.is_full()

    for kind in (asyncio.new_event_loop, asyncio.new_event_loop):
        loop = kind()
        loop.run_until_complete(left_behind())
        loop.close()
    assert not asyncio.run(later())


async def test_a_crowd_of_requests_leaves_the_loop_its_turns() -> None:
    turns = Turns()
    table: MethodTable[None] = MethodTable(CATALOG)

    @table.query("t.a.big")
    async def big(_role: None) -> dict[str, str]:
        time.sleep(WORK)  # noqa: ASYNC251, it stands for work
        turns.done += 1
        return {"text": "done"}

    app = web.Application()
    add_methods(app, None, [table], validator=Validator(CATALOG))
    connector = aiohttp.TCPConnector(limit=0)
    async with TestServer(app) as server, aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> None:
            async with session.get(server.make_url("/xrpc/t.a.big")) as answer:
                assert answer.status == 200

        await asyncio.gather(*(ask() for _ in range(40)))  # so that all are connected
        turns.done = 0
        turns.begin()
        await asyncio.gather(*(ask() for _ in range(40)))
        turns.end()
    assert max(turns.each) <= 2 * FROM_THE_LINE
