"""Feeds of one account: its posts by filter, what it likes."""

from typing import Any, Final

from appliance.appview.hydrate.rows import FeedItem
from appliance.appview.skeletons.slices import Position, Slice, cut, sift
from appliance.base.database import Database

DEFAULT_FILTER: Final = "posts_with_replies"
MEDIA_FILTERS: Final = frozenset({"posts_with_media", "posts_with_video"})

# The last column says whether the row belongs.
_KEPT: Final = {
    "posts_no_replies": "f.id <> f.post_id OR p.parent_id IS NULL",
    "posts_and_author_threads": "f.id <> f.post_id OR p.self_thread",
}
_FEED: Final = {
    name: (
        "SELECT f.sort_us, f.id, f.actor_id, f.post_id, " + kept + " FROM feed_item f"  # noqa: S608
        " LEFT JOIN post p ON p.id = f.post_id WHERE f.actor_id = ?"
        " AND (f.sort_us, f.id) < (?, ?) ORDER BY f.sort_us DESC, f.id DESC LIMIT ?"
    )
    for name, kept in _KEPT.items()
}


def author_feed(
    db: Database, actor: int, only: str, before: Position, limit: int
) -> Slice[FeedItem]:
    """Give an account's posts and reposts by a filter of getAuthorFeed; unknown means all."""
    if only in MEDIA_FILTERS:
        return _media(db, actor, only == "posts_with_video", before, limit)
    if only in _FEED:
        return sift(
            lambda start, count: db.read(_FEED[only], actor, *start, count), _item, before, limit
        )
    rows = db.read(
        "SELECT sort_us, id, actor_id, post_id FROM feed_item WHERE actor_id = ?"
        " AND (sort_us, id) < (?, ?) ORDER BY sort_us DESC, id DESC LIMIT ?",
        actor,
        *before,
        limit + 1,
    )
    return cut([FeedItem(*row) for row in rows], limit)


def _media(
    db: Database, actor: int, only_video: bool, before: Position, limit: int
) -> Slice[FeedItem]:
    """Give an account's own posts with media, without reposts."""
    return sift(
        lambda start, count: db.read(
            "SELECT sort_us, id, actor_id, id, has_video >= ? FROM post WHERE actor_id = ?"
            " AND has_media = 1 AND (sort_us, id) < (?, ?)"
            " ORDER BY sort_us DESC, id DESC LIMIT ?",
            int(only_video),
            actor,
            *start,
            count,
        ),
        _item,
        before,
        limit,
    )


def _item(row: tuple[Any, ...]) -> FeedItem:
    return FeedItem(*row)


def actor_likes(db: Database, actor: int, before: Position, limit: int) -> Slice[FeedItem]:
    """Give the posts an account likes, the newest like first."""
    rows = db.read(
        'SELECT sort_us, subject_id, actor_id, subject_id FROM "like" WHERE actor_id = ?'
        " AND counts = 1 AND (sort_us, subject_id) < (?, ?)"
        " ORDER BY sort_us DESC, subject_id DESC LIMIT ?",
        actor,
        *before,
        limit + 1,
    )
    return cut([FeedItem(*row) for row in rows], limit)
