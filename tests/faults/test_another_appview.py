"""A member's AppView is somebody else's, and in trouble: what they see, and what others do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from appliance.base.memory import resident
from appliance.pds.services_elsewhere import AWAY_SECONDS, MOST_AT_ONCE
from tests.support import virtual_time
from tests.support.client import Answer, Member, Ref, join, sign_in
from tests.support.ports import free_port
from tests.support.virtual_time import VirtualTime
from tests.support.wayward_appview import (
    MODES,
    PAGE,
    SLOW_SECONDS,
    WaywardAppView,
    wayward_appview,
)
from tests.support.whole_house import House, opened, place

TIMELINE = "app.bsky.feed.getTimeline"
FAILED = (502, "UpstreamFailure")
# It says nothing for longer, and is given up.
SILENCE = 30.0
MOST_GROWTH = 24 * 1024**2
NOBODY = "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.generator/cats"
FEED = "app.bsky.feed.getFeed"
THERE: dict[str, dict[str, Any]] = {
    TIMELINE: {"limit": 30},
    "app.bsky.feed.getAuthorFeed": {"actor": "ann.test"},
    "app.bsky.notification.listNotifications": {"limit": 40},
    FEED: {"feed": NOBODY},
}
PLAIN = [nsid for nsid in THERE if nsid != FEED]
# A busy machine takes its time for what is done at once; less than one silence, all the same.
BUSY = 20.0
AT_ONCE = (0.0, BUSY)


@dataclass
class Scene:
    """Ann, whose AppView is elsewhere, and Bob, whose is here."""

    virtual: VirtualTime
    house: House
    view: WaywardAppView
    ann: Member
    bob: Member
    post: Ref

    async def ask(self, nsid: str = TIMELINE) -> tuple[Answer, float]:
        """Ask as Ann; tell what came and how long it took, in the time of this house."""
        began = time.monotonic()
        answer = await self.ann.raw("GET", f"/xrpc/{nsid}", params=THERE[nsid])
        return answer, time.monotonic() - began

    async def asked(self, seconds: float, *nsids: str) -> list[tuple[Answer, float]]:
        """Ask all this at once, and live here meanwhile; so much time goes by."""
        asking = asyncio.gather(*[self.ask(nsid) for nsid in nsids])
        await self.live()
        await self.virtual.pass_by(seconds)
        return await asking

    async def live(self) -> None:
        """Do what needs nobody else, while the clocks of the house stand still but for that."""
        post = await self.ann.write_post("here")
        await self.bob.sees(post)
        await self.ann.like(self.post)
        await self.ann.post("app.bsky.actor.putPreferences", preferences=[])
        await self.ann.get("app.bsky.actor.getPreferences")
        await self.ann.get("com.atproto.server.getSession")
        await self.ann.get("com.atproto.identity.resolveHandle", handle=self.bob.handle)
        found = {"repo": self.bob.did, "collection": "app.bsky.feed.post", "rkey": self.post.rkey}
        await self.ann.get("com.atproto.repo.getRecord", **found)

    async def come_back(self) -> None:
        """Sign in anew: sessions end while time goes by."""
        http, url = self.house.http, self.house.pds_url
        self.ann, self.bob = [
            await sign_in(http, url, each.handle) for each in (self.ann, self.bob)
        ]

    async def is_well_again(self) -> None:
        await self.view.switch("well")
        await self.virtual.pass_by(AWAY_SECONDS + 1)
        answer, _ = await self.ask()
        assert (answer.status, answer.body) == (200, PAGE)


@asynccontextmanager
async def scene(virtual: VirtualTime, folder: Path) -> AsyncIterator[Scene]:
    with place() as where:
        async with (
            opened(where, folder / "data") as house,
            wayward_appview(free_port()) as view,
        ):
            ann, bob = [await join(house.http, house.pds_url, name) for name in ("ann", "bob")]
            await bob.follow(ann)
            directory = f"http://localhost:{house.settings.directory.port}"
            name = await view.register(house.http, directory)
            nsid = "internal.hearth.pds.setAppView"
            await house.operator.post(nsid, did=ann.did, appView=name)
            yield Scene(virtual, house, view, ann, bob, await bob.write_post("mine"))


def lived(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def told(virtual: VirtualTime) -> None:
        async with scene(virtual, folder) as here:
            await story(here)

    virtual_time.run(told)


def names(answer: Answer) -> tuple[int, str]:
    return answer.error if answer.status >= 500 else (answer.status, "")


def how(answer: Answer) -> tuple[int, str]:
    return answer.error if answer.body and answer.status == 502 else (answer.status, "")


def held() -> tuple[int, int, int]:
    """Count what could pile up: bytes, open files, tasks."""
    return resident(), len([*Path("/proc/self/fd").iterdir()]), len(asyncio.all_tasks())


@pytest.mark.slow
def test_a_member_hears_in_bounded_time_how_it_fails_and_the_house_lives_on(
    tmp_path: Path,
) -> None:
    silence = (SILENCE, SILENCE + BUSY)
    heard = {
        "refused": (FAILED, AT_ONCE),
        "silent": (FAILED, silence),
        "stalled half": (FAILED, silence),
        "half": (FAILED, AT_ONCE),
        "500": (FAILED, AT_ONCE),
        "503 in html": ((503, ""), AT_ONCE),
        "slow": ((200, ""), (SLOW_SECONDS, SLOW_SECONDS + BUSY)),
    }

    async def story(here: Scene) -> None:
        before = len(asyncio.all_tasks())
        for mode, (named, (least, most)) in heard.items():
            await here.view.switch(mode)
            for answer, seconds in await here.asked(SILENCE + BUSY, *PLAIN):
                assert (mode, how(answer)) == (mode, named)
                assert least <= seconds <= most, (mode, seconds)
            await here.is_well_again()
            assert here.view.at_work == 0, mode
            assert len(asyncio.all_tasks()) < before + 20, mode

    lived(tmp_path, story)


@pytest.mark.slow
def test_one_call_finds_out_whether_it_is_back_and_the_others_hear_at_once(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        await here.view.switch("silent")
        await here.asked(SILENCE + BUSY, TIMELINE)
        asked = here.view.asked.total()
        for _ in range(5):
            answer, seconds = await here.ask()
            assert (how(answer), seconds < BUSY) == (FAILED, True)
        assert here.view.asked.total() == asked
        await here.virtual.pass_by(AWAY_SECONDS)
        found = await here.asked(SILENCE + BUSY, *[TIMELINE] * 5)
        assert here.view.asked.total() == asked + 1
        assert [how(answer) for answer, _ in found] == [FAILED] * 5
        assert sorted(seconds > BUSY for _, seconds in found) == [False] * 4 + [True]
        await here.is_well_again()

    lived(tmp_path, story)


@pytest.mark.slow
def test_a_crowd_of_calls_to_a_silent_one_neither_piles_up_nor_waits_for_ever(
    tmp_path: Path,
) -> None:
    async def story(here: Scene) -> None:
        await here.view.switch("silent")
        crowd = 5 * MOST_AT_ONCE
        for answer, seconds in await here.asked(2 * SILENCE, *[TIMELINE] * crowd):
            assert how(answer) == FAILED
            assert seconds < SILENCE + BUSY
        assert here.view.most_at_work == MOST_AT_ONCE
        await here.is_well_again()

    lived(tmp_path, story)


@pytest.mark.slow
def test_a_feed_is_not_called_unknown_while_nobody_can_tell(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        for mode in ("refused", "500", "503 in html", "html", "half"):
            await here.view.switch(mode)
            answer, _ = await here.ask(FEED)
            assert (mode, how(answer)) == (mode, FAILED)
            await here.is_well_again()

    lived(tmp_path, story)


@pytest.mark.long
def test_after_a_day_of_all_of_it_nothing_has_piled_up(tmp_path: Path) -> None:
    """Six pages in an hour, each through another trouble; all of them in two hours."""
    troubles = cycle(mode for mode in MODES if mode != "well")

    async def story(here: Scene) -> None:
        seen = []
        for number in range(6 * 24):
            await here.view.switch(next(troubles))
            await here.come_back()
            await here.asked(2 * SILENCE, *THERE)
            await here.virtual.pass_by(600 - 2 * SILENCE)
            if number % 6 == 5:
                seen.append(held())
        await here.is_well_again()
        # The first hours make what is made once; of each day some work may be going on at the end.
        for early, late, most in zip(
            map(max, zip(*seen[2:5], strict=True)),
            map(min, zip(*seen[-3:], strict=True)),
            (MOST_GROWTH, 20, 20),
            strict=True,
        ):
            assert late - early < most, seen

    lived(tmp_path, story)
