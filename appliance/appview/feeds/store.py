"""The rules of this network's feeds; kept with what viewers keep, for the index may be dropped."""

from collections.abc import Callable, Sequence

import orjson

from appliance.appview.feeds.rules import FIRST, FeedRule
from appliance.base.connection import Connection
from appliance.base.database import Database

MOST_FEEDS = 100


class TooManyFeeds(ValueError):
    """No more feeds can be made."""

    xrpc_name = "InvalidRequest"


class FeedNotFound(LookupError):
    """There is no feed of that name."""

    xrpc_name = "UnknownFeed"


class FeedStore:
    """The feeds, by name; in memory, for every page of feeds asks."""

    def __init__(self, db: Database, now_us: Callable[[], int]) -> None:
        self._db = db
        self._now_us = now_us
        self._feeds: dict[str, tuple[FeedRule, int]] = {}

    async def load(self) -> None:
        """Read the rules that are kept."""
        self._feeds = await self._db.scan(_all)

    @property
    def rules(self) -> Sequence[FeedRule]:
        """All rules, by the time they were made."""
        return [rule for rule, _ in sorted(self._feeds.values(), key=lambda kept: kept[1])]

    def get(self, name: str) -> FeedRule | None:
        kept = self._feeds.get(name)
        return None if kept is None else kept[0]

    def created_us(self, name: str) -> int:
        """Tell when a feed was made; a new one now."""
        kept = self._feeds.get(name)
        return self._now_us() if kept is None else kept[1]

    async def put(self, rule: FeedRule) -> None:
        """Make a feed, or change it. Raises TooManyFeeds."""
        if rule.name not in self._feeds and len(self._feeds) >= MOST_FEEDS:
            raise TooManyFeeds(f"there are {MOST_FEEDS} feeds already")
        created_us = self.created_us(rule.name)
        await self._db.write(_put, rule, created_us)
        self._feeds[rule.name] = (rule, created_us)

    async def delete(self, name: str) -> None:
        """Forget a feed."""
        await self._db.write(_delete, name)
        self._feeds.pop(name, None)

    async def begin(self) -> None:
        """Make the feeds that every network begins with; once in its life."""
        await self._db.write(_begin, self._now_us())
        await self.load()


def _all(conn: Connection) -> dict[str, tuple[FeedRule, int]]:
    rows = conn.rows("SELECT rule, created_us FROM feed")
    found = [(FeedRule.parse(orjson.loads(rule)), created_us) for rule, created_us in rows]
    return {rule.name: (rule, created_us) for rule, created_us in found}


def _put(conn: Connection, rule: FeedRule, created_us: int) -> None:
    text = orjson.dumps(rule.as_json()).decode()
    conn.execute("INSERT OR REPLACE INTO feed VALUES (?, ?, ?)", (rule.name, text, created_us))


def _delete(conn: Connection, name: str) -> None:
    conn.execute("DELETE FROM feed WHERE name = ?", (name,))


def _begin(conn: Connection, now_us: int) -> None:
    conn.execute("INSERT OR IGNORE INTO feeds_begun (only) VALUES (1)")
    if conn.changes():
        for number, rule in enumerate(FIRST):
            _put(conn, rule, now_us + number)
