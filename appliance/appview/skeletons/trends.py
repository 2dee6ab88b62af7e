"""What the network writes about: the hashtags of the last days."""

from typing import Final, NamedTuple

import orjson

from appliance.appview.skeletons.search import DEADLINE, in_time
from appliance.base.database import Connection, Database

WINDOW_US: Final = 3 * 86_400 * 1_000_000
# One account alone makes no trend, however often it writes.
FEWEST_ACTORS: Final = 2
MOST_POSTS: Final = 20_000
# Five are shown; of those named some may be blocked or gone.
MOST_ACTORS: Final = 20


class Trend(NamedTuple):
    """A hashtag, how many recent posts have it, since when, and some of who wrote them."""

    tag: str
    posts: int
    started_us: int
    actors: list[int]


async def trends(db: Database, caller: str | None, now_us: int, limit: int) -> list[Trend]:
    """Give the hashtags most accounts used lately. Raises SearchTooSlow, RateLimitExceeded."""
    with in_time():
        return await db.search(_trends, now_us - WINDOW_US, limit, deadline=DEADLINE, caller=caller)


def _trends(conn: Connection, since_us: int, limit: int) -> list[Trend]:
    rows = conn.rows(
        "SELECT tag, count(*), min(p.sort_us), json_group_array(DISTINCT p.actor_id)"
        " FROM (SELECT id, actor_id, sort_us FROM post WHERE sort_us > ?"
        " ORDER BY sort_us DESC LIMIT ?) p CROSS JOIN post_tag t ON t.post_id = p.id"
        " GROUP BY tag HAVING count(DISTINCT p.actor_id) >= ?"
        " ORDER BY count(DISTINCT p.actor_id) DESC, count(*) DESC, tag LIMIT ?",
        since_us,
        MOST_POSTS,
        FEWEST_ACTORS,
        limit,
    )
    return [
        Trend(tag, posts, started, orjson.loads(ids)[:MOST_ACTORS])
        for tag, posts, started, ids in rows
    ]
