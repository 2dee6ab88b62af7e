"""What a viewer has been told, newest first."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from appliance.appview.hydrate.ids import json_list
from appliance.appview.skeletons.slices import Position, Slice, cut, sift
from appliance.base.database import Database


class Notification(NamedTuple):
    """One notification; sort_us is when it arrived."""

    sort_us: int
    id: int
    author_id: int
    reason: str
    reason_subject: str | None
    root_id: int | None
    uri: str
    cid: str
    record: str


# Reasons with an index of their own: there may be thousands of likes between two of them.
IN_WORDS: Final = frozenset(("mention", "quote", "reply"))
_SOME_OF: Final = (
    "SELECT sort_us, id, author_id, reason, reason_subject, root_id, uri, cid, record,"
    " reason IN (SELECT value FROM json_each(?)) FROM notification {}"
    " AND target_id = ? AND (sort_us, id) < (?, ?) ORDER BY sort_us DESC, id DESC LIMIT ?"
)
_SOME: Final = _SOME_OF.format("WHERE TRUE")
_SOME_IN_WORDS: Final = _SOME_OF.format(
    "INDEXED BY notification_in_words WHERE reason IN ('mention', 'quote', 'reply')"
)


def notifications(
    db: Database, target: int, reasons: Sequence[str], before: Position, limit: int
) -> Slice[Notification]:
    """Give notifications for an account; of these reasons only, if any are named."""
    if not reasons:
        rows = db.read(
            "SELECT sort_us, id, author_id, reason, reason_subject, root_id, uri, cid, record"
            " FROM notification WHERE target_id = ? AND (sort_us, id) < (?, ?)"
            " ORDER BY sort_us DESC, id DESC LIMIT ?",
            target,
            *before,
            limit + 1,
        )
        return cut([Notification(*row) for row in rows], limit)
    statement = _SOME if set(reasons) - IN_WORDS else _SOME_IN_WORDS
    wanted = json_list(reasons)
    return sift(
        lambda start, count: db.read(statement, wanted, target, *start, count),
        lambda row: Notification(*row),
        before,
        limit,
    )


def newer_than(db: Database, target: int, since_us: int, limit: int) -> list[Notification]:
    """Give the newest notifications that arrived after a time."""
    rows = db.read(
        "SELECT sort_us, id, author_id, reason, reason_subject, root_id, uri, cid, record"
        " FROM notification WHERE target_id = ? AND sort_us > ?"
        " ORDER BY sort_us DESC, id DESC LIMIT ?",
        target,
        since_us,
        limit,
    )
    return [Notification(*row) for row in rows]
