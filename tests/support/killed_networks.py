"""A network that is killed again and again, at any point: run as a program, since it forks.

    python -m tests.support.killed_networks FOLDER SEED KILLS

Each time a child opens all roles over the same folder, on the same listening sockets. Three days
go on at once (writes, blobs, imports, takedowns, handles, closing and opening); SIGKILL comes after
some steps or some time, also while the child starts. Then the folder is looked at as it lies, and
the next child goes on with it. Prints what was counted, and the faults found, in JSON.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from appliance.atproto.tid import TidClock
from appliance.firehose.events import parse
from tests.support.catching_up import appview_caught_up, index_is
from tests.support.invariants import (
    Promises,
    facts_of,
    faults_in,
    hosted,
    index_of,
)
from tests.support.scripted_day import Day
from tests.support.stream import subscribed
from tests.support.waiting import until
from tests.support.whole_house import FarHouse, Place, opened, place
from tests.support.witnesses import seq_of

DAYS = 3
LOOK_AT_THE_INDEX_EVERY = 25
# A call that is never answered, because the child died, ends with the day.
CALL_SECONDS = 60.0


@dataclass
class Campaign:
    """One folder, its days, and what was seen of them."""

    where: Place
    data: Path
    seed: int
    dice: random.Random
    clock: TidClock
    promises: Promises = field(default_factory=Promises)
    days: list[Day] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def child(self) -> int:
        """Open the network in a process of its own."""
        pid = os.fork()
        if pid:
            return pid
        with contextlib.suppress(BaseException):
            asyncio.run(serve(self.where, self.data))
        os._exit(1)

    async def until_killed(self, pid: int) -> None:
        """Let the days go on, and kill at some point."""
        async with session() as http:
            await self._meet(http)
            if self.dice.random() < 0.15:
                strike = asyncio.create_task(asyncio.sleep(self.dice.random() * 0.3))
            else:
                enough = self.seen["steps"] + self.dice.randrange(1, 40)
                strike = asyncio.create_task(self._after(enough))
            tasks = [asyncio.create_task(self._live(day)) for day in self.days]
            tasks.append(asyncio.create_task(self._listen(http)))
            done, _ = await asyncio.wait([strike, *tasks], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(self.dice.random() * 0.01)
            os.kill(pid, signal.SIGKILL)
            failures = [task.exception() for task in done - {strike}]
            for task in [strike, *tasks]:
                task.cancel()
            await asyncio.gather(strike, *tasks, return_exceptions=True)
            for failure in failures:
                if failure is not None:
                    raise failure

    async def _meet(self, http: aiohttp.ClientSession) -> None:
        house = FarHouse(self.where.settings(self.data), http)
        if not self.days:
            for _ in range(DAYS):
                day = Day(house, self.dice, self.clock, [], self.promises)
                for _ in range(2):
                    await day.new_account()
                self.days.append(day)
        for day in self.days:
            day.again_at(house)

    async def _live(self, day: Day) -> None:
        await day.mend()
        while True:
            before = day.done
            await day.steps(1)
            self.seen["steps"] += day.done - before

    async def _after(self, steps: int) -> None:
        await until(lambda: self.seen["steps"] >= steps)

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        """Note what subscribers are told."""
        cursor = max(self.promises.told, default=0)
        base = self.where.settings(self.data).pds.url
        async with subscribed(http, base, cursor) as socket:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    self.promises.told[seq_of(parse(message.data))] = message.data
        await asyncio.Event().wait()

    async def look_at_the_index(self) -> list[str]:
        """Let the AppView catch up; it is to be what the repos make."""
        async with session() as http:
            house = FarHouse(self.where.settings(self.data), http)
            for day in self.days:
                day.again_at(house)
                await day.mend()
            if faults := await appview_caught_up(self.data):
                return faults
            before = index_of(self.data)
            operator = house.operator
            operator.base = house.settings.appview.public_url
            await operator.post("internal.hearth.appview.rebuildIndex")
            faults = await index_is(self.data, before)
            missing = hosted(self.data) - before["records"]
            self.seen["indexes"] += 1
            return [*faults, f"not in the index: {missing}"] if missing else faults

    def turn_away(self) -> None:
        """Nobody answers those who came too late; the next child would carry their calls out."""
        for listeners in self.where.listeners.values():
            for listener in listeners:
                listener.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        listener.accept()[0].close()


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(CALL_SECONDS)
    )


async def serve(where: Place, data: Path) -> None:
    async with opened(where, data):
        await asyncio.Event().wait()


def run(folder: Path, seed: int, kills: int) -> dict[str, object]:
    """Kill so often; stop at the first fault."""
    dice, clock = random.Random(seed), TidClock(lambda: time.time_ns() // 1000)  # noqa: S311
    faults: list[str] = []
    data = folder / "data"
    with place() as where:
        campaign = Campaign(where, data, seed, dice, clock)
        gc.freeze()
        for number in range(1, kills + 1):
            pid = campaign.child()
            asyncio.run(campaign.until_killed(pid))
            os.waitpid(pid, 0)
            campaign.turn_away()
            faults += faults_in(data, campaign.promises)
            campaign.seen["open"] += sum(len(v) > 1 for v in campaign.promises.allowed.values())
            campaign.promises.settle(facts_of(data))
            campaign.seen["kills"] += 1
            if not faults and (number % LOOK_AT_THE_INDEX_EVERY == 0 or number == kills):
                pid = campaign.child()
                try:
                    faults += asyncio.run(campaign.look_at_the_index())
                finally:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
            if faults:
                break
    events = max(campaign.promises.told, default=0)
    refused = sum((day.refusals for day in campaign.days), Counter())
    return {"seed": seed, **campaign.seen, "events": events, "refused": refused, "faults": faults}


if __name__ == "__main__":
    told = run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(told) + "\n")
