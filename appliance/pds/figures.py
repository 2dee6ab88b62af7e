"""Figures of each day: posts, members, bytes by kind. Small enough to be kept for years."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds import blobs, record_sizes, records
from appliance.pds.accounts import AccountStore
from appliance.upkeep.storage import Storage

EVERY_SECONDS: Final = 900.0
KEPT_DAYS: Final = 1100
# Posts name their time, so they can be counted for days on which nobody counted.
COUNTED_BACK_DAYS: Final = 31
POSTS: Final = "posts"
MEMBERS: Final = "members"
FREE: Final = "bytes.free"
_DAY_US: Final = 86_400 * 1_000_000
_COLLECTION: Final = "app.bsky.feed.post"


@dataclass(frozen=True)
class Figure:
    """One number of one day."""

    day: str
    name: str
    value: int


@dataclass(frozen=True)
class Share:
    """What one account keeps here; `bytes` are those of its pictures and videos.

    Records as they were when figures were last taken.
    """

    did: Did
    records: int
    record_bytes: int
    blobs: int
    bytes: int
    video_bytes: int


class Figures:
    """Take them every quarter of an hour, and give them back."""

    def __init__(
        self, db: Database, accounts: AccountStore, clock: Clock, measure: Callable[[], Storage]
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._clock = clock
        self._measure = measure
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Take figures for ever; a worker."""
        while True:
            await self.take()
            await asyncio.sleep(EVERY_SECONDS)

    async def take(self) -> None:
        """Count and measure now, as figures of today; what was counted first is kept first."""
        async with self._one_at_a_time:
            await self._take()

    async def _take(self) -> None:
        today = self._today()
        # Again and again, because an account that moves in brings posts of days gone by.
        days = [today - timedelta(back) for back in range(COUNTED_BACK_DAYS)]
        posts = await self._db.scan(posts_by_day, days)
        await record_sizes.refresh(self._db)
        members = await self._accounts.count()
        storage = await asyncio.to_thread(self._measure)
        now = {f"bytes.{kind}": size for kind, size in storage.kinds.items()}
        now |= {FREE: storage.free, MEMBERS: members}
        oldest = str(today - timedelta(KEPT_DAYS))
        await self._db.write(keep, str(today), now, posts, oldest)

    async def since(self, days: int) -> list[Figure]:
        """The figures of the last days, the oldest first."""
        return await self._db.scan(since, str(self._today() - timedelta(days - 1)))

    async def shares(self, limit: int) -> list[Share]:
        """What accounts keep here, the largest first."""
        return await self._db.scan(shares, limit)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now(), UTC).date()


def posts_by_day(conn: Connection, days: list[date]) -> Mapping[str, int]:
    """Count the posts that say they are of these days."""
    counts = {}
    for day in days:
        first = int(datetime.combine(day, datetime.min.time(), UTC).timestamp() * 1_000_000)
        counts[str(day)] = records.count_between(
            conn,
            f"{_COLLECTION}/{Tid.from_us(first)}",
            f"{_COLLECTION}/{Tid.from_us(first + _DAY_US)}",
        )
    return counts


def keep(
    conn: Connection, today: str, now: Mapping[str, int], posts: Mapping[str, int], oldest: str
) -> None:
    rows = [(today, name, value) for name, value in now.items()]
    rows += [(day, POSTS, value) for day, value in posts.items()]
    conn.executemany(
        "INSERT OR REPLACE INTO daily_figure (day, name, value) VALUES (?, ?, ?)", rows
    )
    conn.execute("DELETE FROM daily_figure WHERE day < ?", (oldest,))


def since(conn: Connection, day: str) -> list[Figure]:
    rows = conn.rows(
        "SELECT day, name, value FROM daily_figure WHERE day >= ? ORDER BY day, name", day
    )
    return [Figure(*row) for row in rows]


def shares(conn: Connection, limit: int) -> list[Share]:
    written, uploaded = record_sizes.known(conn), blobs.sizes(conn)
    found = [
        Share(did, *written.get(repo, (0, 0)), *uploaded.get(repo, (0, 0, 0)))
        for did, repo in records.repos(conn)
    ]
    return sorted(found, key=lambda one: (-one.bytes - one.record_bytes, one.did))[:limit]
