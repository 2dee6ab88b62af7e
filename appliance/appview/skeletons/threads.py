"""The posts above and below a post, without those that do not belong into the thread."""

from typing import NamedTuple

from appliance.appview.hydrate.ids import json_list
from appliance.base.database import Database

MOST_REPLIES = 250


class Reply(NamedTuple):
    """A post below the anchor; depth 1 answers the anchor itself."""

    id: int
    parent_id: int
    depth: int


def ancestors(db: Database, post: int, most: int) -> list[int]:
    """Give the posts above a post, its parent first, missing ones too.

    A reply that its thread's gate forbids, or that claims a wrong root, stands alone.
    """
    rows = db.read(
        "WITH RECURSIVE up (id, n) AS ("
        "SELECT parent_id, 1 FROM post WHERE id = ? AND parent_id IS NOT NULL"
        " AND invalid_root = 0 AND violates_threadgate = 0"
        " UNION ALL SELECT p.parent_id, n + 1 FROM up CROSS JOIN post p ON p.id = up.id"
        " WHERE p.parent_id IS NOT NULL AND p.invalid_root = 0 AND p.violates_threadgate = 0"
        " AND n < ?) SELECT id FROM up LIMIT ?",
        post,
        most,
        most,
    )
    return [ancestor for (ancestor,) in rows]


def descendants(db: Database, post: int, depth: int) -> list[Reply]:
    """Give the replies below a post level by level, oldest first; of a huge thread the top."""
    if depth < 1:
        return []
    found: list[Reply] = []
    level = [post]
    for at in range(1, depth + 1):
        # In the order of that index, and no further than the limit: a recursive query would take
        # in all replies of a level, and a sort all of them too.
        rows = db.read(
            "SELECT c.id, c.parent_id FROM json_each(?) j CROSS JOIN post c"
            " INDEXED BY post_children ON c.parent_id = j.value AND c.invalid_root = 0"
            " AND c.violates_threadgate = 0 LIMIT ?",
            json_list(level),
            MOST_REPLIES - len(found),
        )
        found += [Reply(reply, parent, at) for reply, parent in rows]
        level = [reply for reply, _ in rows]
        if not level or len(found) == MOST_REPLIES:
            break
    return found


def op_thread(db: Database, root: int, op: int) -> list[int]:
    """Give the oldest unbroken chain of answers of a thread's author to themselves, root first."""
    rows = db.read(
        "WITH RECURSIVE op (id, n) AS (SELECT ?, 1 UNION ALL SELECT (SELECT c.id FROM post c"
        " WHERE c.parent_id = op.id AND c.actor_id = ? AND c.invalid_root = 0"
        " ORDER BY c.sort_us, c.id LIMIT 1), n + 1 FROM op WHERE op.id IS NOT NULL AND n < ?)"
        " SELECT id FROM op WHERE id IS NOT NULL LIMIT ?",
        root,
        op,
        MOST_REPLIES,
        MOST_REPLIES,
    )
    return [post for (post,) in rows]
