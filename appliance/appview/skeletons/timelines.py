"""Feeds made of many accounts: the timeline, the feed of a list.

Two plans. Where most of the newest rows come from accounts that count, read newest first and test
each row; else gather from account after account. Nothing is stored per reader.
"""

from typing import Any

from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.skeletons.slices import Position, Slice, cut, window_size
from appliance.base.database import Connection, Database


async def timeline(db: Database, viewer: int, before: Position, limit: int) -> Slice[FeedItem]:
    """Give posts, replies and reposts by the viewer and those they follow, newest first."""
    window = window_size(limit)
    rows = db.read(
        "SELECT f.sort_us, f.id, f.actor_id, f.post_id, f.actor_id = ? OR EXISTS (SELECT 1"
        " FROM follow w WHERE w.actor_id = ? AND w.target_id = f.actor_id AND w.counts = 1)"
        " FROM feed_item f WHERE (f.sort_us, f.id) < (?, ?)"
        " ORDER BY f.sort_us DESC, f.id DESC LIMIT ?",
        viewer,
        viewer,
        *before,
        window,
    )
    found = _enough(rows, window, limit)
    return await db.scan(_followed, viewer, before, limit) if found is None else found


async def list_feed(db: Database, list_id: int, before: Position, limit: int) -> Slice[FeedItem]:
    """Give posts and replies by those on a list, newest first; no reposts."""
    window = window_size(limit)
    rows = db.read(
        "SELECT f.sort_us, f.id, f.actor_id, f.post_id, f.id = f.post_id AND EXISTS (SELECT 1"
        " FROM listitem i WHERE i.list_id = ? AND i.target_id = f.actor_id AND i.counts = 1)"
        " FROM feed_item f WHERE (f.sort_us, f.id) < (?, ?)"
        " ORDER BY f.sort_us DESC, f.id DESC LIMIT ?",
        list_id,
        *before,
        window,
    )
    found = _enough(rows, window, limit)
    return await db.scan(_listed, list_id, before, limit) if found is None else found


def _enough(rows: list[tuple[Any, ...]], window: int, limit: int) -> Slice[FeedItem] | None:
    """Make a slice if the newest rows hold a full page of ours, or there are no more rows."""
    ours = [FeedItem(*row[:4]) for row in rows if row[4]]
    if len(ours) <= limit and len(rows) == window:
        return None
    return cut(ours, limit)


def _followed(conn: Connection, viewer: int, before: Position, limit: int) -> Slice[FeedItem]:
    actors = conn.rows("SELECT target_id FROM follow WHERE actor_id = ? AND counts = 1", viewer)
    return _gathered(conn, [viewer, *(actor for (actor,) in actors)], before, limit)


def _listed(conn: Connection, list_id: int, before: Position, limit: int) -> Slice[FeedItem]:
    actors = conn.rows("SELECT target_id FROM listitem WHERE list_id = ? AND counts = 1", list_id)
    return _gathered(conn, [actor for (actor,) in actors], before, limit, with_reposts=False)


def _gathered(
    conn: Connection,
    actors: list[int],
    before: Position,
    limit: int,
    *,
    with_reposts: bool = True,
) -> Slice[FeedItem]:
    """Merge the newest rows of each account; what is older than a full page is not read."""
    found: list[FeedItem] = []
    oldest = 0
    for actor in actors:
        rows = conn.rows(
            "SELECT sort_us, id, actor_id, post_id FROM feed_item WHERE actor_id = ?"
            " AND (sort_us, id) < (?, ?) AND sort_us >= ? AND (? OR id = post_id)"
            " ORDER BY sort_us DESC, id DESC LIMIT ?",
            actor,
            *before,
            oldest,
            with_reposts,
            limit + 1,
        )
        if not rows:
            continue
        found += [FeedItem(*row) for row in rows]
        if len(found) > limit:
            found = sorted(found, reverse=True)[: limit + 1]
            oldest = found[-1].sort_us if len(found) > limit else 0
    return cut(sorted(found, reverse=True), limit)
