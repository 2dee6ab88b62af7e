"""Who liked, reposted or quoted something."""

from typing import NamedTuple

from appliance.appview.skeletons.slices import Entry, Position, Slice, cut, entries
from appliance.base.database import Database


class Like(NamedTuple):
    """A like; id is the account that likes."""

    sort_us: int
    id: int
    created_us: int
    indexed_us: int


def likes(db: Database, subject: int, before: Position, limit: int) -> Slice[Like]:
    """Give the likes of a record, the newest first."""
    rows = db.read(
        'SELECT sort_us, actor_id, created_us, indexed_us FROM "like" WHERE subject_id = ?'
        " AND counts = 1 AND (sort_us, actor_id) < (?, ?)"
        " ORDER BY sort_us DESC, actor_id DESC LIMIT ?",
        subject,
        *before,
        limit + 1,
    )
    return cut([Like(*row) for row in rows], limit)


def reposters(db: Database, subject: int, before: Position, limit: int) -> Slice[Entry]:
    """Give the accounts that reposted a post, the newest repost first."""
    rows = db.read(
        "SELECT sort_us, actor_id FROM repost WHERE subject_id = ? AND counts = 1"
        " AND (sort_us, actor_id) < (?, ?) ORDER BY sort_us DESC, actor_id DESC LIMIT ?",
        subject,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


def quotes(db: Database, subject: int, before: Position, limit: int) -> Slice[Entry]:
    """Give the posts that quote a post and are allowed to, the newest first."""
    rows = db.read(
        "SELECT sort_us, id FROM post WHERE quote_id = ? AND (sort_us, id) < (?, ?)"
        " AND violates_postgate = 0 ORDER BY sort_us DESC, id DESC LIMIT ?",
        subject,
        *before,
        limit + 1,
    )
    return entries(rows, limit)
