"""Load posts with what they point to, and what the viewer did with them."""

from collections.abc import Collection, Iterable

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.ids import json_list
from appliance.appview.hydrate.rows import PostRow, PostState, RepostRow, SubjectRow
from appliance.appview.viewer_state import ViewerState
from appliance.atproto.syntax import AtUri
from appliance.base.database import Database

LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"


def load_posts(db: Database, into: Hydration, ids: Iterable[int]) -> list[PostRow]:
    """Load these posts; of what is missing, or is no post, load the address. Give the new posts."""
    wanted = set(ids) - into.posts.keys() - into.subjects.keys()
    if not wanted:
        return []
    rows = db.read(
        "SELECT s.id, s.uri, s.actor_id, s.like_count, s.repost_count, s.reply_count,"
        " s.quote_count, p.cid, p.indexed_us, p.sort_us, p.parent_id, p.root_id, p.invalid_root,"
        " p.violates_threadgate, p.quote_id, p.violates_postgate, p.embed, p.record"
        " FROM json_each(?) j CROSS JOIN subject s ON s.id = j.value"
        " LEFT JOIN post p ON p.id = s.id",
        json_list(wanted),
    )
    posts = []
    for row in rows:
        if row[7] is None:
            into.subjects[row[0]] = SubjectRow._make(row[:4])
        else:
            into.posts[row[0]] = post = PostRow._make(row)
            posts.append(post)
    return posts


def load_reposts(db: Database, into: Hydration, ids: Iterable[int]) -> None:
    rows = db.read(
        "SELECT r.id, s.uri, r.cid, r.actor_id, r.indexed_us FROM json_each(?) j"
        " CROSS JOIN repost r ON r.id = j.value CROSS JOIN subject s ON s.id = r.id",
        json_list(ids),
    )
    for row in rows:
        into.reposts[row[0]] = RepostRow._make(row)


def load_post_states(
    db: Database, viewers: ViewerState, into: Hydration, ids: Collection[int]
) -> None:
    """Load the viewer's likes, reposts, bookmarks and thread mutes, and everybody's bookmarks."""
    posts = [into.posts[post] for post in ids if post in into.posts]
    into.bookmark_counts.update(viewers.bookmark_counts([post.uri for post in posts]))
    viewer = into.audience.viewer
    if viewer is None or not posts:
        return
    states = into.post_states
    if viewer.id is not None:
        keys = json_list(post.id for post in posts)
        rows = db.read(
            "SELECT j.value, 'like', l.rkey FROM json_each(?) j CROSS JOIN \"like\" l"
            " ON l.actor_id = ? AND l.subject_id = j.value AND l.counts = 1"
            " UNION ALL SELECT j.value, 'repost', r.rkey FROM json_each(?) j CROSS JOIN repost r"
            " ON r.actor_id = ? AND r.subject_id = j.value AND r.counts = 1",
            keys,
            viewer.id,
            keys,
            viewer.id,
        )
        for post_id, name, rkey in rows:
            setattr(states.setdefault(post_id, PostState()), name, rkey)
    _load_private_states(viewers, into, posts)


def _load_private_states(viewers: ViewerState, into: Hydration, posts: list[PostRow]) -> None:
    viewer = into.audience.viewer
    if viewer is None:
        return
    saved = viewers.bookmarked(viewer.did, [post.uri for post in posts])
    muted = muted_threads(viewers, into, {post.thread_id for post in posts})
    for post in posts:
        if post.uri in saved:
            into.post_states.setdefault(post.id, PostState()).bookmarked = True
        if post.thread_id in muted:
            into.post_states.setdefault(post.id, PostState()).thread_muted = True


def muted_threads(viewers: ViewerState, into: Hydration, roots: Iterable[int]) -> set[int]:
    """Say which of these threads the viewer has muted; their addresses are loaded."""
    viewer = into.audience.viewer
    if viewer is None:
        return set()
    uris = {uri: root for root in roots if (uri := into.uri(root)) is not None}
    return {uris[uri] for uri in viewers.muted_threads(viewer.did, uris)}


def load_subject_likes(db: Database, into: Hydration, ids: Iterable[int]) -> None:
    """Load the viewer's likes of feed generators and labelers."""
    viewer = into.audience.viewer
    if viewer is None or viewer.id is None:
        return
    rows = db.read(
        'SELECT l.subject_id, l.rkey FROM json_each(?) j CROSS JOIN "like" l'
        " ON l.actor_id = ? AND l.subject_id = j.value AND l.counts = 1",
        json_list(ids),
        viewer.id,
    )
    for subject, rkey in rows:
        into.subject_likes[subject] = AtUri.make(viewer.did, LIKE, rkey)


def load_op_likes(db: Database, into: Hydration, op: int, posts: Iterable[int]) -> None:
    """Load which of these posts the one who started their thread likes."""
    did = into.did(op)
    if did is None:
        return
    rows = db.read(
        'SELECT l.subject_id, l.rkey FROM json_each(?) j CROSS JOIN "like" l'
        " ON l.actor_id = ? AND l.subject_id = j.value AND l.counts = 1",
        json_list(posts),
        op,
    )
    into.op_likes.update((post, AtUri.make(did, LIKE, rkey)) for post, rkey in rows)
