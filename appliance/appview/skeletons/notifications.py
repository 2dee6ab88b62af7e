"""What a viewer has been told, newest first."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from appliance.appview.hydrate.ids import json_list
from appliance.appview.skeletons.slices import (
    WINDOWS,
    Position,
    Slice,
    cut,
    window_size,
)
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
_ANY: Final = "notification WHERE TRUE"
_WORDS: Final = (
    "notification INDEXED BY notification_in_words WHERE reason IN ('mention', 'quote', 'reply')"
)
# Of those passed over nothing but the index is read. By whether all are in words.
_END: Final = {
    in_words: (
        f"SELECT sort_us, id FROM {source} AND target_id = ? AND (sort_us, id) < (?, ?)"  # noqa: S608
        " ORDER BY sort_us DESC, id DESC LIMIT 1 OFFSET ?"
    )
    for in_words, source in ((False, _ANY), (True, _WORDS))
}
_SOME: Final = {
    in_words: (
        "SELECT sort_us, id, author_id, reason, reason_subject, root_id, uri, cid, record"  # noqa: S608
        f" FROM {source} AND target_id = ? AND (sort_us, id) < (?, ?) AND (sort_us, id) >= (?, ?)"
        " AND reason IN (SELECT value FROM json_each(?)) ORDER BY sort_us DESC, id DESC LIMIT ?"
    )
    for in_words, source in ((False, _ANY), (True, _WORDS))
}
_BEFORE_ALL: Final = Position(0, 0)


def notifications(
    db: Database, target: int, reasons: Sequence[str], before: Position, limit: int
) -> Slice[Notification]:
    """Give notifications for an account; of these reasons only, if any are named.

    Among thousands of others it may give few, and a position.
    """
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
    in_words = not set(reasons) - IN_WORDS
    passed = WINDOWS * window_size(limit)
    last = db.read_one(_END[in_words], target, *before, passed - 1)
    end = None if last is None else Position(*last)
    rows = db.read(
        _SOME[in_words],
        target,
        *before,
        *(end or _BEFORE_ALL),
        json_list(reasons),
        limit + 1,
    )
    found = cut([Notification(*row) for row in rows], limit)
    return found if found.after is not None else Slice(found.rows, end)


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
