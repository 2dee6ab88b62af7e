"""Everybody else takes connections and says nothing, for hours: directory, host and relay.

They are one network in a process that is stopped, as on a laptop that sleeps. Ours lives on, in a
time of its own.
"""

import asyncio
import logging
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from appliance.base.http import HttpClient
from appliance.base.memory import resident
from tests.support import virtual_time
from tests.support.appliance import Appliance
from tests.support.client import Member, Refused, join, sign_in
from tests.support.virtual_time import VirtualTime
from tests.support.whole_house import House, opened, place

# Of one address, in an hour.
MOST_ASKED = 90
MOST_GROWTH = 24 * 1024**2
A_WHILE = 600.0
A_MOMENT = 120.0


class Outside:
    """Counts what is asked of others, by the hour and by address."""

    def __init__(self, virtual: VirtualTime) -> None:
        self.asked: Counter[tuple[int, str]] = Counter()
        self._virtual = virtual
        self._target = HttpClient._target

    def target(self, http: HttpClient, url: str, path: str, params: Any) -> Any:
        if not url.startswith("unix:"):
            self.asked[int(self._virtual.ahead // 3600), url + path] += 1
        return self._target(http, url, path, params)


async def live(house: House, ann: Member, bob: Member, hour: int) -> None:
    """Do what has to work without anybody else."""
    ann, bob = [await sign_in(house.http, house.pds_url, each.handle) for each in (ann, bob)]
    post = await ann.write_post(f"hour {hour}")
    await bob.sees(post)
    await ann.post("app.bsky.actor.putPreferences", preferences=[])


async def is_refused(house: House, virtual: VirtualTime) -> bool:
    """Ask for what needs the directory."""
    joining = asyncio.ensure_future(join(house.http, house.pds_url, "late"))
    await virtual.pass_by(A_MOMENT)
    try:
        await joining
    except Refused as refused:
        return refused.status in (502, 503)
    return False


async def hours_alone(
    virtual: VirtualTime, far: Appliance, folder: Path, whiles: int
) -> Counter[tuple[int, str]]:
    """Live for so many times ten minutes while nobody answers; give what was asked."""
    outside = Outside(virtual)
    others: dict[str, Any] = {
        "directory__enabled": False,
        "pds__plc_url": far.plc,
        "pds__relays": (far.relay,),
        "relay__crawl": (far.pds,),
        "relay__relays": (far.relay,),
    }
    counted = mock.patch.object(HttpClient, "_target", lambda *asked: outside.target(*asked))
    with place() as where, counted:
        async with opened(where, folder / "data", **others) as house:
            ann, bob = [await join(house.http, house.pds_url, name) for name in ("ann", "bob")]
            cyd = await join(house.http, far.pds, "cyd")
            await bob.follow(ann)
            await bob.follow(cyd)
            await bob.sees(await cyd.write_post("before"))
            outside.asked.clear()
            far.popen.send_signal(signal.SIGSTOP)
            try:
                await virtual.pass_by(A_WHILE)
                before = resident()
                for number in range(1, whiles):
                    await live(house, ann, bob, number)
                    await virtual.pass_by(A_WHILE)
                grown = []
                for _ in range(3):  # some work of each day may be going on
                    grown.append(resident() - before)
                    await virtual.pass_by(A_MOMENT)
                assert min(grown) < MOST_GROWTH, grown
                assert await is_refused(house, virtual)
            finally:
                far.popen.send_signal(signal.SIGCONT)
            cyd = await sign_in(house.http, far.pds, cyd.handle)
            # Whoever has waited longest looks again within so long.
            await virtual.pass_by(A_WHILE)
            bob = await sign_in(house.http, house.pds_url, bob.handle)
            await bob.sees(await cyd.write_post("back again"))
            await join(house.http, house.pds_url, "newcomer")
    return outside.asked


@pytest.mark.parametrize(
    "whiles",
    [
        pytest.param(2, marks=pytest.mark.slow, id="minutes"),
        pytest.param(6 * 24, marks=pytest.mark.long, id="a day"),
    ],
)
def test_while_nobody_answers_all_here_works_and_little_is_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, whiles: int
) -> None:
    far = Appliance()
    asked = virtual_time.run(lambda virtual: hours_alone(virtual, far, tmp_path, whiles))
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []
    assert asked
    assert {key: count for key, count in asked.items() if count > MOST_ASKED} == {}
    far.finish()
