"""app.bsky.unspecced.getPostThreadV2: a thread as a flat list, in the order it is read."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.rows import PostRow
from appliance.appview.skeletons.threads import Reply
from appliance.appview.views import actors, posts
from appliance.atproto.syntax import JsonObject

PIN: Final = "\N{PUSHPIN}"
NO_UNAUTHENTICATED: Final = "!no-unauthenticated"
# A like by the one who started the thread makes a reply weigh this much more.
LIKED_BY_OP: Final = 1.45
DEFS: Final = "app.bsky.unspecced.defs#"


@dataclass(slots=True)
class Thread:
    """The posts of a thread view, and what their order depends on.

    op: who started the thread. op_thread: the place of each in the chain of answers of the op
    to themselves, from 1. hidden: replies the op has hidden. above: parents, the nearest first.
    children: replies by parent.
    """

    anchor: int
    op: int | None
    op_thread: Mapping[int, int] = field(default_factory=dict)
    hidden: Collection[int] = ()
    sort: str = "oldest"
    branching: int = 10
    above: Sequence[int] = ()
    children: dict[int, list[int]] = field(default_factory=dict)

    def place(self, above: Sequence[int], below: Iterable[Reply]) -> None:
        """Put posts above and below the anchor."""
        self.above = above
        for reply in below:
            self.children.setdefault(reply.parent_id, []).append(reply.id)


def items(h: Hydration, thread: Thread) -> list[JsonObject]:
    """Make the threadItems from the topmost parent down to the last reply."""
    row = h.post(thread.anchor)
    if row is None:
        uri = h.uri(thread.anchor) or ""
        return [_item(uri, 0, {"$type": f"{DEFS}threadItemNotFound"})]
    anchor = _guarded(h, thread, row, 0)
    if anchor is not None:
        return [anchor]
    return [*reversed(_above(h, thread)), *_below(h, thread, row, 0)]


def others(h: Hydration, thread: Thread) -> list[JsonObject]:
    """Make the threadItems of direct replies that were put aside, in order."""
    aside = [row for row in _replies(h, thread, thread.anchor) if _is_aside(h, thread, row)]
    return [_post_item(h, thread, row, 1, row.reply_count) for row in aside]


def has_others(h: Hydration, thread: Thread) -> bool:
    """Whether any direct reply was put aside."""
    return any(_is_aside(h, thread, row) for row in _replies(h, thread, thread.anchor))


def _above(h: Hydration, thread: Thread) -> list[JsonObject]:
    """Make items upwards from the parent, up to the first that is missing or blocked."""
    found: list[JsonObject] = []
    child = thread.anchor
    for depth, post_id in enumerate(thread.above, start=1):
        row = h.post(post_id)
        if row is None:
            value = {"$type": f"{DEFS}threadItemNotFound"}
            found.append(_item(h.uri(post_id) or "", -depth, value))
            break
        replier = h.owner(child)
        guarded = _guarded(h, thread, row, -depth)
        if guarded is None and replier is not None and h.blocked_between(replier, row.actor_id):
            guarded = _blocked(h, row, -depth)
        if guarded is not None:
            found.append(guarded)
            break
        is_top = post_id == thread.above[-1]
        more = is_top and row.parent_id is not None and not row.invalid_root
        found.append(_post_item(h, thread, row, -depth, 0, more_parents=more))
        child = post_id
    return found


def _below(h: Hydration, thread: Thread, row: PostRow, depth: int) -> list[JsonObject]:
    """Make the item of a post and those of its replies, depth first."""
    visible = [reply for reply in _replies(h, thread, row.id) if not _is_aside(h, thread, reply)]
    shown = visible[: thread.branching] if depth > 0 else visible
    # Those put aside or blocked are no more to be had by asking on.
    not_loaded = max(0, row.reply_count - len(thread.children.get(row.id, ())))
    more = not_loaded + len(visible) - len(shown)
    found = [_post_item(h, thread, row, depth, more)]
    for reply in shown:
        guarded = _guarded(h, thread, reply, depth + 1)
        found += [guarded] if guarded else _below(h, thread, reply, depth + 1)
    return found


def _replies(h: Hydration, thread: Thread, post_id: int) -> list[PostRow]:
    """Give a post's replies in reading order, without those a block takes out."""
    owner = h.owner(post_id)
    rows = [
        row
        for child in thread.children.get(post_id, ())
        if (row := h.post(child)) is not None
        and not h.is_blocked(row.actor_id)
        and not (owner is not None and h.blocked_between(owner, row.actor_id))
    ]
    rows.sort(key=lambda row: _rank(h, thread, row))
    return rows


def _rank(h: Hydration, thread: Thread, row: PostRow) -> tuple[Any, ...]:
    """The op's own thread first, then the op, the viewer, whom they follow; then by sort."""
    order = {
        "newest": (-row.sort_us, -row.id),
        "top": (-_weight(h, row), -row.sort_us),
    }.get(thread.sort, (row.sort_us, row.id))
    return (
        row.id not in thread.op_thread,
        row.actor_id != thread.op,
        row.actor_id != h.viewer_id,
        h.relation(row.actor_id).following is None,
        *order,
    )


def _weight(h: Hydration, row: PostRow) -> float:
    weight = math.log(1 + row.like_count)
    return (weight or 0.1) * LIKED_BY_OP if row.id in h.op_likes else weight


def _is_aside(h: Hydration, thread: Thread, row: PostRow) -> bool:
    """Whether a reply is put aside: hidden by the op, by somebody muted, or only a pin."""
    if row.actor_id == h.viewer_id:
        return False
    return row.id in thread.hidden or h.is_muted(row.actor_id) or _is_pin(row)


def _is_pin(row: PostRow) -> bool:
    return PIN in row.record and orjson.loads(row.record)["text"].strip() == PIN


def _guarded(h: Hydration, thread: Thread, row: PostRow, depth: int) -> JsonObject | None:
    """Make a placeholder for a post this viewer may not see; None if they may."""
    if h.is_blocked(row.actor_id):
        return _blocked(h, row, depth)
    if h.audience.viewer is None:
        author = actors.basic(h, row.actor_id) or {}
        wish = (label for label in author.get("labels", ()) if isinstance(label, dict))
        if any(label["val"] == NO_UNAUTHENTICATED for label in wish):
            return _item(row.uri, depth, {"$type": f"{DEFS}threadItemNoUnauthenticated"})
    return None


def _blocked(h: Hydration, row: PostRow, depth: int) -> JsonObject:
    author = actors.blocked_author(h, row.actor_id)
    return _item(row.uri, depth, {"$type": f"{DEFS}threadItemBlocked", "author": author})


def _post_item(
    h: Hydration,
    thread: Thread,
    row: PostRow,
    depth: int,
    more_replies: int,
    *,
    more_parents: bool = False,
) -> JsonObject:
    value: JsonObject = {
        "$type": f"{DEFS}threadItemPost",
        "post": posts.post(h, row.id),
        "moreParents": more_parents,
        "moreReplies": more_replies,
        "opThread": row.id in thread.op_thread,
        "hiddenByThreadgate": row.id in thread.hidden,
        "mutedByViewer": h.is_muted(row.actor_id),
    }
    if row.id in thread.op_thread:
        value["opThreadPostIndex"] = thread.op_thread[row.id]
        value["opThreadPostCount"] = len(thread.op_thread)
    return _item(row.uri, depth, value)


def _item(uri: str, depth: int, value: JsonObject) -> JsonObject:
    return {"uri": uri, "depth": depth, "value": value}
