"""Two houses in one process that part and meet again; and the stream between them, held back."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

import aiohttp
import pytest

from appliance.atproto.syntax import Datetime
from appliance.base.clock import Clock
from appliance.relay.crawler import Crawler
from tests.support.client import Member, join
from tests.support.street import HERE, Home
from tests.support.whole_house import House, Place, opened

POST = "app.bsky.feed.post"
PER_CALL = 100


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
    """Holds the stream of other houses back, or lets so many of their events through."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._left: float = inf
        self._more = asyncio.Event()
        take = Crawler._take

        async def held(crawler: Crawler, host_id: int, frames: list[bytes]) -> None:
            if crawler._ways.is_home(crawler._hosts.by_id(host_id)):
                await take(crawler, host_id, frames)
                return
            while frames:
                while not self._left:
                    self._more.clear()
                    await self._more.wait()
                some = frames if self._left == inf else frames[: int(self._left)]
                self._left -= len(some)
                await take(crawler, host_id, some)
                frames = frames[len(some) :]

        patch.setattr(Crawler, "_take", held)

    def hold(self) -> None:
        self._left = 0

    def let(self, events: float = inf) -> None:
        """Let so many through; all, if no number is given."""
        self._left += events
        self._more.set()


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
