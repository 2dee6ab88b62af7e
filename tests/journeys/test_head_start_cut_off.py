"""A head start that is cut off, by a kill or an unpairing: all ends as by the stream alone."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from appliance.appview import head_starts
from appliance.appview.repo_hosts import RepoHosts
from appliance.neighbours import company
from tests.neighbours.test_introductions import pair
from tests.support.appliance import ROOT
from tests.support.client import Member
from tests.support.ending import kill
from tests.support.houses_apart import Corner, Slow, early, write_many
from tests.support.invariants import index_of
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.whole_house import House, place

pytestmark = pytest.mark.slow

MISSED = 150


@dataclass(frozen=True)
class Told:
    """What a house has indexed, and what it says of it to its member."""

    index: dict[str, set[tuple[Any, ...]]]
    notifications: list[tuple[str, str]]
    feed: list[str]


@dataclass
class Story:
    """Our house as it was when it closed, its member Ann, and Ben in the other house."""

    corner: Corner
    jones: House
    ann: Member
    ben: Member

    def copy(self, name: str) -> Corner:
        """Another end of the story: begin it with a copy of our house."""
        data = self.corner.data.parent / name / self.corner.data.name
        shutil.copytree(self.corner.data, data, ignore=shutil.ignore_patterns("run"))
        return replace(self.corner, data=data)

    async def ended(self, house: House) -> Told:
        """Wait until all of Ben's is there by the stream, and give what is told."""
        head = self.jones.pds.repos.head(self.ben.did).rev
        appview = house.node.roles["appview"]
        assert await appview.revs.wait(self.ben.did, head, timeout=120)
        await until(lambda: early(house) == 0)
        told, feed = await self.ann.notifications(), await self.ann.author_feed(self.ben)
        return Told(index_of(house.data), told, feed)


@asynccontextmanager
async def a_week_apart(folder: Path) -> AsyncIterator[Story]:
    """Two houses part; much happens in the other one."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        with place() as near, place() as far:
            ours = Corner(near, folder / "ours", free_port())
            theirs = Corner(far, folder / "theirs", free_port())
            async with theirs.opened() as jones:
                ben = await theirs.join(http, jones, "ben")
                async with ours.opened() as smiths:
                    ann = await ours.join(http, smiths, "ann")
                    await pair(ours.home(smiths), theirs.home(jones))
                    await ann.follow(ben)
                    await ann.sees(await ben.write_post("the last before we parted"))
                    invitation = await ann.write_post("come to the lake")
                gone = await ben.write_post("taken back")
                await write_many(ben, MISSED, per_call=10)
                await ben.reply(invitation, invitation, "I will come")
                await ben.delete(gone)
                await ben.delete(await ben.repost(invitation))
                await ben.like(invitation)
                yield Story(ours, jones, ann, ben)


@contextmanager
def killed_amid(corner: Corner) -> Iterator[subprocess.Popen[bytes]]:
    held = {name: [one.fileno() for one in bound] for name, bound in corner.where.listeners.items()}
    command = [sys.executable, "-m", "tests.support.killed_head_start", str(corner.data)]
    command += [str(corner.port), orjson.dumps(held).decode()]
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[one for fds in held.values() for one in fds],
    )
    try:
        yield process
    finally:
        kill(process)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


async def kill_amid(corner: Corner) -> None:
    with killed_amid(corner) as process:
        assert process.stdout is not None
        said = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 120)
        assert said == b"amid\n"


class Paused:
    """Holds head starts back while they read a repo."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.amid, self.on = asyncio.Event(), asyncio.Event()
        get = RepoHosts.get

        @asynccontextmanager
        async def held(self_: RepoHosts, *given: Any) -> AsyncIterator[aiohttp.ClientResponse]:
            async with get(self_, *given) as answer:
                if len(early_rounds) == 1:
                    self.amid.set()
                    await asyncio.wait_for(self.on.wait(), 120)
                early_rounds.append(answer.status)
                yield answer

        early_rounds: list[int] = []
        patch.setattr(RepoHosts, "get", held)


async def test_a_head_start_that_is_cut_off_leaves_nothing_that_the_stream_would_not_have_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    async with a_week_apart(tmp_path) as story:
        async with story.copy("s").opened() as by_the_stream:
            wanted = await story.ended(by_the_stream)
            assert by_the_stream.node.roles["appview"].head_starts.counts["houses"] == 0
        assert len(wanted.index["records"]) > MISSED
        monkeypatch.setattr(company, "FAR_BEHIND", 3)
        monkeypatch.setattr(head_starts, "RECORDS_PER_WRITE", 10)

        killed = story.copy("k")
        await kill_amid(killed)
        slow.hold()
        async with killed.opened() as smiths:
            assert 0 < early(smiths) < MISSED
            counts = smiths.node.roles["appview"].head_starts.counts
            await until(lambda: counts["records"] > 0)
            slow.let()
            assert await story.ended(smiths) == wanted

        # Two rounds, however quickly all of it was written: the last commit, then the rest.
        monkeypatch.setattr(head_starts, "WINDOWS_US", (1, 10**15))
        paused = Paused(monkeypatch)
        slow.hold()
        async with story.copy("u").opened() as smiths:
            await asyncio.wait_for(paused.amid.wait(), 120)
            assert early(smiths) > 0
            ours = story.corner.home(smiths)
            [house] = ours.role.store.all()
            await ours.role.introductions.unpair(house.key)
            paused.on.set()
            assert ours.role.store.all() == []
            # What came early is shown for as long as nobody says otherwise.
            assert early(smiths) > 0
            slow.let()
            theirs = Corner(story.corner.where, story.jones.data, house.port)
            await pair(ours, theirs.home(story.jones))
            assert await story.ended(smiths) == wanted
