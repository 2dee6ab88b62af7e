"""Accounts by who follows, blocks or lists them."""

import heapq
from collections import Counter
from typing import Final

from appliance.appview.skeletons.slices import Entry, Position, Slice, entries, sift
from appliance.base.database import Connection, Database

# Whose follows make suggestions, and how many of each: the newest.
MOST_FOLLOWERS: Final = 200
MOST_OF_EACH: Final = 500


def follows(db: Database, actor: int, before: Position, limit: int) -> Slice[Entry]:
    """Whom an account follows, the newest follow first."""
    rows = db.read(
        "SELECT sort_us, target_id FROM follow WHERE actor_id = ? AND counts = 1"
        " AND (sort_us, target_id) < (?, ?) ORDER BY sort_us DESC, target_id DESC LIMIT ?",
        actor,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


def followers(db: Database, actor: int, before: Position, limit: int) -> Slice[Entry]:
    """Who follows an account, the newest first."""
    rows = db.read(
        "SELECT sort_us, actor_id FROM follow WHERE target_id = ? AND counts = 1"
        " AND (sort_us, actor_id) < (?, ?) ORDER BY sort_us DESC, actor_id DESC LIMIT ?",
        actor,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


async def follows_by_size(db: Database, actor: int, before: Position, limit: int) -> Slice[Entry]:
    """Whom an account follows, those with most followers first."""
    return await db.scan(_by_size, _FOLLOWS, actor, before, limit)


async def followers_by_size(db: Database, actor: int, before: Position, limit: int) -> Slice[Entry]:
    """Who follows an account, those with most followers first."""
    return await db.scan(_by_size, _FOLLOWERS, actor, before, limit)


_FOLLOWS = (
    "SELECT a.followers_count, a.id FROM follow f CROSS JOIN actor a ON a.id = f.target_id"
    " WHERE f.actor_id = ? AND f.counts = 1 AND (a.followers_count, a.id) < (?, ?)"
    " ORDER BY a.followers_count DESC, a.id DESC LIMIT ?"
)
_FOLLOWERS = (
    "SELECT a.followers_count, a.id FROM follow f CROSS JOIN actor a ON a.id = f.actor_id"
    " WHERE f.target_id = ? AND f.counts = 1 AND (a.followers_count, a.id) < (?, ?)"
    " ORDER BY a.followers_count DESC, a.id DESC LIMIT ?"
)


def _by_size(conn: Connection, sql: str, actor: int, before: Position, limit: int) -> Slice[Entry]:
    return entries(conn.rows(sql, actor, *before, limit + 1), limit)


def known_followers(
    db: Database, viewer: int, actor: int, before: Position, limit: int
) -> Slice[Entry]:
    """Those the viewer follows among an account's followers, by the viewer's newest follow.

    To who follows very many it may give few, and a position.
    """
    return sift(
        lambda start, count: db.read(
            "SELECT w.sort_us, w.target_id, EXISTS (SELECT 1 FROM follow f"
            " WHERE f.actor_id = w.target_id AND f.target_id = ? AND f.counts = 1)"
            " FROM follow w INDEXED BY follow_by_actor"
            " WHERE w.actor_id = ? AND w.counts = 1 AND (w.sort_us, w.target_id) < (?, ?)"
            " ORDER BY w.sort_us DESC, w.target_id DESC LIMIT ?",
            actor,
            viewer,
            *start,
            count,
        ),
        lambda row: Entry(*row),
        before,
        limit,
    )


def blocks(db: Database, viewer: int, before: Position, limit: int) -> Slice[Entry]:
    """Whom the viewer blocks by a record of their own, the newest first."""
    rows = db.read(
        "SELECT sort_us, target_id FROM block WHERE actor_id = ? AND counts = 1"
        " AND (sort_us, target_id) < (?, ?) ORDER BY sort_us DESC, target_id DESC LIMIT ?",
        viewer,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


def suggestions(db: Database, viewer: int | None, before: Position, limit: int) -> Slice[Entry]:
    """Accounts the viewer does not follow, by their number of followers, then by id.

    To who follows nearly everybody it may give few, and a position.
    """
    return sift(
        lambda start, count: db.read(
            "SELECT a.followers_count, a.id, a.id IS NOT ? AND a.rev IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM follow w WHERE w.actor_id = ?"
            " AND w.target_id = a.id AND w.counts = 1) FROM actor a"
            " WHERE (a.followers_count, a.id) < (?, ?)"
            " ORDER BY a.followers_count DESC, a.id DESC LIMIT ?",
            viewer,
            viewer,
            *start,
            count,
        ),
        lambda row: Entry(*row),
        before,
        limit,
    )


async def followed_by_followers(db: Database, viewer: int, actor: int, limit: int) -> list[int]:
    """Accounts that those who follow `actor` also follow, and the viewer does not; best first."""
    return await db.scan(_also_followed, viewer, actor, limit)


def _also_followed(conn: Connection, viewer: int, actor: int, limit: int) -> list[int]:
    followers = conn.rows(
        "SELECT actor_id FROM follow WHERE target_id = ? AND counts = 1"
        " ORDER BY sort_us DESC LIMIT ?",
        actor,
        MOST_FOLLOWERS,
    )
    shared = Counter(
        target
        for (follower,) in followers
        for (target,) in conn.rows(
            "SELECT o.target_id FROM (SELECT target_id FROM follow WHERE actor_id = ?"
            " AND counts = 1 ORDER BY sort_us DESC LIMIT ?) o"
            " WHERE o.target_id NOT IN (?, ?) AND NOT EXISTS (SELECT 1 FROM follow w"
            " WHERE w.actor_id = ? AND w.target_id = o.target_id AND w.counts = 1)",
            follower,
            MOST_OF_EACH,
            actor,
            viewer,
            viewer,
        )
    )
    best = heapq.nsmallest(limit, ((-count, target) for target, count in shared.items()))
    return [target for _, target in best]
