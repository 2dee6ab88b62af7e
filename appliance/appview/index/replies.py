"""Where a reply stands in its thread: whether it belongs there, counts there, and whom it tells."""

from dataclasses import dataclass

from appliance.appview import notifications
from appliance.appview.index import gates, subjects
from appliance.appview.records import IndexedRecord
from appliance.base.connection import Connection, Row

ANCESTORS_TOLD = 5
MOST_LATE_REPLIES = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A post's place in a thread, as its row says; parent and root are None if it is no reply."""

    parent_id: int | None = None
    root_id: int | None = None
    invalid_root: bool = False
    violates_threadgate: bool = False
    self_thread: bool = True

    @property
    def counts(self) -> bool:
        """Tell whether the parent counts this post as a reply."""
        return self.parent_id is not None and not (self.invalid_root or self.violates_threadgate)


def place_of(conn: Connection, record: IndexedRecord) -> Place | None:
    """Place a new post. None when its reply reference names no records in repos."""
    reply = record.value.get("reply")
    if reply is None:
        return Place()
    parent_id = subjects.intern(conn, reply["parent"]["uri"], record.now_us)
    root_id = subjects.intern(conn, reply["root"]["uri"], record.now_us)
    if parent_id is None or root_id is None:
        return None
    invalid, alone = _against_parent(conn, record.actor_id, parent_id, root_id)
    forbidden = gates.forbids_reply(conn, root_id, record.actor_id, record.told_us)
    return Place(parent_id, root_id, invalid, forbidden, alone)


def settle_children(conn: Connection, post_id: int) -> None:
    """Place again the replies to a post that has come after them, and the replies to those."""
    waiting, settled = [post_id], set[int]()
    while waiting:
        parent_id = waiting.pop()
        if parent_id in settled:  # threads can be written in a circle
            continue
        settled.add(parent_id)
        for child_id, *before in conn.rows(
            "SELECT id, actor_id, root_id, invalid_root, violates_threadgate, self_thread"
            " FROM post WHERE parent_id = ?",
            parent_id,
        ):
            if _settle(conn, parent_id, child_id, *before):
                waiting.append(child_id)


def _settle(
    conn: Connection,
    parent_id: int,
    child_id: int,
    actor_id: int,
    root_id: int,
    was_invalid: int,
    violates: int,
    was_alone: int,
) -> bool:
    """Place one reply again; tell whether anything changed."""
    invalid, alone = _against_parent(conn, actor_id, parent_id, root_id)
    if (invalid, alone) == (bool(was_invalid), bool(was_alone)):
        return False
    conn.execute(
        "UPDATE post SET invalid_root = ?, self_thread = ? WHERE id = ?",
        (int(invalid), int(alone), child_id),
    )
    if not violates and invalid != bool(was_invalid):
        subjects.count_replies(conn, parent_id, -1 if invalid else 1)
    return True


def _against_parent(
    conn: Connection, actor_id: int, parent_id: int, root_id: int
) -> tuple[bool, bool]:
    """Compare a reply with its parent: is the root wrong, is the chain all by one author?

    Nothing is wrong about a parent that has not come yet; nor is anything known of its chain.
    """
    parent = conn.row(
        "SELECT actor_id, root_id, invalid_root, self_thread FROM post WHERE id = ?", parent_id
    )
    if parent is None:
        return False, False
    parent_actor, parent_root, parent_invalid, parent_alone = parent
    invalid = bool(parent_invalid) or (parent_root or parent_id) != root_id
    return invalid, bool(parent_alone) and parent_actor == actor_id


def notify_ancestors(conn: Connection, record: IndexedRecord, place: Place) -> None:
    """Tell the authors above a new reply."""
    if place.counts and record.is_live:
        told = (record.uri, str(record.cid), record.json)
        _tell(conn, record.actor_id, place.parent_id, place.root_id, told, record.now_us)


def notify_late(conn: Connection, record: IndexedRecord, post_id: int) -> None:
    """Tell the authors of a post, and those above it, of replies that came before it."""
    if not record.is_live:
        return
    level, found = [post_id], 0
    for _ in range(ANCESTORS_TOLD):
        children = [child for parent in level for child in _counted_children(conn, parent)]
        found += len(children)
        if not children or found > MOST_LATE_REPLIES:
            return
        for _, author_id, parent_id, root_id, *told in children:
            _tell(conn, author_id, parent_id, root_id, (told[0], told[1], told[2]), record.now_us)
        level = [child[0] for child in children]


def _counted_children(conn: Connection, parent_id: int) -> list[Row]:
    return conn.rows(
        "SELECT post.id, post.actor_id, parent_id, root_id, uri, cid, record FROM post"
        " JOIN subject USING (id)"
        " WHERE parent_id = ? AND invalid_root = 0 AND violates_threadgate = 0 LIMIT ?",
        parent_id,
        MOST_LATE_REPLIES,
    )


def _tell(
    conn: Connection,
    author_id: int,
    parent_id: int | None,
    root_id: int | None,
    record: tuple[str, str, str],
    now_us: int,
) -> None:
    """Walk up from a reply, telling each author, not beyond a reply the thread's author hid."""
    for _ in range(ANCESTORS_TOLD):
        row = conn.row(
            "SELECT post.actor_id, parent_id, uri FROM post JOIN subject USING (id)"
            " WHERE post.id = ?",
            parent_id,
        )
        if row is None or parent_id is None or root_id is None:
            return
        target_id, above_id, uri = row
        if target_id != author_id:
            notifications.insert(conn, target_id, author_id, "reply", uri, root_id, record, now_us)
        if above_id is None or gates.is_hidden(conn, root_id, parent_id):
            return
        parent_id = above_id
