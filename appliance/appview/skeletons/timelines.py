"""Feeds made of many accounts: the timeline, the feed of a list.

Two plans. Where most of the newest rows come from accounts that count, read newest first and test
each row; else gather from account after account, whoever wrote last first. Nothing is stored per
reader.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.skeletons.slices import Position, Slice, cut, window_size
from appliance.base.database import Connection, Database, Row

# Of more accounts than these nothing is gathered on the event loop.
MOST_AT_ONCE: Final = 100
EVERYBODY: Final = -1

Read: TypeAlias = Callable[..., list[Row]]

# Bound: position, window. Ends where enough rows were kept.
_NEWEST: Final = (
    "SELECT f.sort_us, f.id, f.actor_id, f.post_id FROM (SELECT sort_us, id, actor_id, post_id"
    " FROM feed_item WHERE (sort_us, id) < (?, ?) ORDER BY sort_us DESC, id DESC LIMIT ?) f"
)
# When an account last wrote before a position.
_LAST: Final = (
    "(SELECT f.sort_us FROM feed_item f WHERE f.actor_id = {} AND (f.sort_us, f.id) < (?1, ?2)"
    " ORDER BY f.sort_us DESC, f.id DESC LIMIT 1)"
)
_HEADS: Final = {
    "followed": (
        f"SELECT {_LAST.format('?3')}, ?3"  # noqa: S608
        f" UNION ALL SELECT {_LAST.format('w.target_id')}, w.target_id"
        " FROM follow w WHERE w.actor_id = ?3 AND w.counts = 1 AND w.target_id <> ?3 LIMIT ?4"
    ),
    "listed": (
        f"SELECT {_LAST.format('i.target_id')}, i.target_id"  # noqa: S608
        " FROM listitem i WHERE i.list_id = ?3 AND i.counts = 1 LIMIT ?4"
    ),
}


async def timeline(db: Database, viewer: int, before: Position, limit: int) -> Slice[FeedItem]:
    """Give posts, replies and reposts by the viewer and those they follow, newest first."""
    window = window_size(limit)
    rows = db.read(
        f"{_NEWEST} WHERE f.actor_id = ? OR EXISTS (SELECT 1 FROM follow w"  # noqa: S608
        " WHERE w.actor_id = ? AND w.target_id = f.actor_id AND w.counts = 1) LIMIT ?",
        *before,
        window,
        viewer,
        viewer,
        limit + 1,
    )
    if len(rows) > limit:
        return _slice(rows, limit)
    return await _gathered(db, "followed", viewer, (before, limit), with_reposts=True)


async def list_feed(db: Database, list_id: int, before: Position, limit: int) -> Slice[FeedItem]:
    """Give posts and replies by those on a list, newest first; no reposts."""
    window = window_size(limit)
    rows = db.read(
        f"{_NEWEST} WHERE f.id = f.post_id AND EXISTS (SELECT 1 FROM listitem i"  # noqa: S608
        " WHERE i.list_id = ? AND i.target_id = f.actor_id AND i.counts = 1) LIMIT ?",
        *before,
        window,
        list_id,
        limit + 1,
    )
    if len(rows) > limit:
        return _slice(rows, limit)
    return await _gathered(db, "listed", list_id, (before, limit), with_reposts=False)


async def _gathered(
    db: Database, whose: str, of: int, place: tuple[Position, int], *, with_reposts: bool
) -> Slice[FeedItem]:
    """Merge what those wrote who are "followed" or "listed", in the pool if they are many."""
    heads = db.read(_HEADS[whose], *place[0], of, MOST_AT_ONCE + 1)
    if len(heads) <= MOST_AT_ONCE:
        return _merged(db.read, heads, place, with_reposts)

    def gather(conn: Connection) -> Slice[FeedItem]:
        heads = conn.rows(_HEADS[whose], *place[0], of, EVERYBODY)
        return _merged(conn.rows, heads, place, with_reposts)

    return await db.scan(gather)


def _merged(
    read: Read, heads: list[Row], place: tuple[Position, int], with_reposts: bool
) -> Slice[FeedItem]:
    """Merge the newest rows of each account; heads are (when it last wrote, account).

    What is older than a full page is not read.
    """
    before, limit = place
    found: list[Row] = []
    oldest = 0
    for newest, actor in sorted((head for head in heads if head[0] is not None), reverse=True):
        if newest < oldest:
            break
        found += read(
            "SELECT sort_us, id, actor_id, post_id FROM feed_item WHERE actor_id = ?"
            " AND (sort_us, id) < (?, ?) AND sort_us >= ? AND (? OR id = post_id)"
            " ORDER BY sort_us DESC, id DESC LIMIT ?",
            actor,
            *before,
            oldest,
            with_reposts,
            limit + 1,
        )
        if len(found) > limit:
            found = sorted(found, reverse=True)[: limit + 1]
            oldest = found[-1][0]
    return _slice(sorted(found, reverse=True), limit)


def _slice(rows: list[Row], limit: int) -> Slice[FeedItem]:
    return cut([FeedItem(*row) for row in rows], limit)
