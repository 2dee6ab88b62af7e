"""Two paired houses that were apart: the newest of the other house first, then all, as it was."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from appliance.appview.head_starts import ENOUGH
from appliance.atproto.syntax import Datetime
from appliance.base.clock import Clock
from appliance.neighbours import company
from appliance.relay.crawler import Crawler
from tests.neighbours.test_introductions import pair
from tests.support.client import Member, Operator, join, soon
from tests.support.ports import free_port
from tests.support.street import HERE, Home
from tests.support.waiting import until
from tests.support.whole_house import House, Place, opened, place

pytestmark = pytest.mark.slow

POST = "app.bsky.feed.post"
PER_CALL = 100
MISSED = 240


@dataclass(frozen=True)
class Corner:
    """Where a house stands: ports that stay, and what it keeps."""

    where: Place
    data: Path
    port: int

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[House]:
        """Open the house, as one that has neighbours."""
        self.data.mkdir(exist_ok=True)
        listener = socket.create_server((HERE, self.port))
        async with opened(
            self.where,
            self.data,
            {"neighbours": [listener]},
            network__handle_domains=(f".{self.data.name}.home",),
            neighbours__announce=False,
            neighbours__port=self.port,
        ) as house:
            yield house

    async def join(self, http: aiohttp.ClientSession, house: House, name: str) -> Member:
        return await join(http, house.pds_url, handle=f"{name}.{self.data.name}.home")

    def home(self, house: House) -> Home:
        return Home(house.node.roles["neighbours"], house.settings, self.port)


class Slow:
    """Holds back the stream of other houses, until it is let go."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.gone_on = asyncio.Event()
        self.gone_on.set()
        take = Crawler._take

        async def held(crawler: Crawler, host_id: int, frames: list[bytes]) -> None:
            if not crawler._ways.is_home(crawler._hosts.by_id(host_id)):
                await self.gone_on.wait()
            await take(crawler, host_id, frames)

        patch.setattr(Crawler, "_take", held)


async def write_many(member: Member, count: int, per_call: int = PER_CALL) -> None:
    """Write posts, a second apart, many in a commit."""
    begun_us = Clock().now_us() - 3_600_000_000
    for start in range(0, count, per_call):
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": POST,
                "value": {
                    "$type": POST,
                    "text": f"post {number}",
                    "createdAt": str(Datetime.from_us(begun_us + number * 1_000_000)),
                },
            }
            for number in range(start, min(count, start + per_call))
        ]
        await member.post("com.atproto.repo.applyWrites", repo=member.did, writes=writes)


def indexed(house: House) -> list[str]:
    """The texts of all posts in a house's index, the newest first."""
    rows = house.node.roles["appview"].index.read(
        "SELECT record ->> '$.text' FROM post WHERE id > 0 ORDER BY sort_us DESC, id DESC"
    )
    return [text for (text,) in rows]


def early(house: House) -> int:
    """How many records are there ahead of the stream."""
    rows = house.node.roles["appview"].index.read(
        "SELECT 1 FROM record WHERE actor_id > 0 AND early = 1"
    )
    return len(rows)


async def test_the_newest_of_a_house_that_was_away_comes_before_all_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(company, "FAR_BEHIND", 3)
    slow = Slow(monkeypatch)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        with place() as near, place() as far:
            ours = Corner(near, tmp_path / "ours", free_port())
            theirs = Corner(far, tmp_path / "theirs", free_port())
            async with theirs.opened() as jones:
                ben = await theirs.join(http, jones, "ben")
                async with ours.opened() as smiths:
                    ann = await ours.join(http, smiths, "ann")
                    await pair(ours.home(smiths), theirs.home(jones))
                    known = await ben.write_post("the last before we parted")
                    await ann.follow(ben)
                    await ann.sees(known)
                    invitation = await ann.write_post("come to the lake")
                # A week goes by.
                await write_many(ben, MISSED)
                gone = await ben.write_post("taken back")
                await ben.reply(invitation, invitation, "I will come")
                await ben.like(invitation)
                await ben.delete(gone)
                slow.gone_on.clear()
                async with ours.opened() as smiths:
                    # The stream stands still; what is newest comes all the same, and is told.
                    told = await soon(ann.notifications, lambda some: len(some) == 2)
                    assert told == [("like", ben.did), ("reply", ben.did)]
                    newest = [f"post {number}" for number in reversed(range(MISSED))]
                    await until(lambda: len(indexed(smiths)) >= ENOUGH + 2)
                    before = ["come to the lake", "the last before we parted"]
                    assert indexed(smiths) == ["I will come", *before, *newest[: ENOUGH - 1]]
                    assert early(smiths) == ENOUGH + 1
                    slow.gone_on.set()
                    everything = ["I will come", *before, *newest]
                    await until(lambda: indexed(smiths) == everything)
                    await until(lambda: early(smiths) == 0)
                    # Asked for where all is here already, nothing comes of it.
                    url, token = smiths.settings.appview.public_url, smiths.operator.token
                    again = Operator(http, url, token)
                    await again.post("internal.hearth.appview.fetchNewest", pds=jones.pds_url)
                    # Nothing is told twice, nothing counted twice, all is in its place.
                    assert await ann.notifications() == told
                    profile = await ann.profile(ben)
                    assert profile["postsCount"] == MISSED + 2
                    [post] = (await ann.get("app.bsky.feed.getPosts", uris=[invitation.uri]))[
                        "posts"
                    ]
                    assert (post["likeCount"], post["replyCount"]) == (1, 1)
