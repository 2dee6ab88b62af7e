"""Load threadgates and postgates, and what their rules say about the viewer."""

from collections.abc import Iterable

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.ids import json_list, subject_ids
from appliance.appview.hydrate.relations import members
from appliance.appview.hydrate.rows import Gate, GateRow, PostRow
from appliance.atproto.syntax import JsonObject
from appliance.base.database import Database

MENTION = "app.bsky.feed.threadgate#mentionRule"
FOLLOWER = "app.bsky.feed.threadgate#followerRule"
FOLLOWING = "app.bsky.feed.threadgate#followingRule"
LIST = "app.bsky.feed.threadgate#listRule"


def load_gates(db: Database, into: Hydration, posts: Iterable[PostRow]) -> None:
    """Load the gates of these posts' threads, and who may quote the posts.

    The relation of the viewer to the owners of the threads must be loaded.
    """
    wanted = list(posts)
    rows = db.read(
        "SELECT g.post_id, g.uri, g.cid, g.record FROM json_each(?) j"
        " CROSS JOIN threadgate g ON g.post_id = j.value",
        json_list({post.thread_id for post in wanted} - into.gates.keys()),
    )
    for row in rows:
        into.gates[row[0]] = _gate(db, into, GateRow._make(row))
    unquotable = db.read(
        "SELECT g.post_id FROM json_each(?) j CROSS JOIN postgate g"
        " ON g.post_id = j.value AND g.no_quotes = 1",
        json_list(post.id for post in wanted),
    )
    into.unquotable.update(post for (post,) in unquotable)
    quotes = [(post.quote_id, post.id) for post in wanted if post.quote_id is not None]
    detached = db.read(
        "SELECT d.post_id, d.quoting_id FROM json_each(?) j CROSS JOIN detached_quote d"
        " ON d.post_id = j.value ->> 0 AND d.quoting_id = j.value ->> 1",
        json_list(quotes),
    )
    into.detached.update((quoted, quoting) for quoted, quoting in detached)


def hidden_replies(db: Database, root: int) -> set[int]:
    """Give the replies the author of a thread has hidden; at most 300 stand in a gate."""
    rows = db.read("SELECT post_id FROM hidden_reply WHERE root_id = ?", root)
    return {post for (post,) in rows}


def _gate(db: Database, into: Hydration, row: GateRow) -> Gate:
    rules = orjson.loads(row.record).get("allow")
    if rules is None:
        return Gate(row)
    uris = [rule["list"] for rule in rules if rule.get("$type") == LIST]
    lists = list(subject_ids(db, uris).values()) if uris else []
    return Gate(row, lists, _may_reply(db, into, row.post_id, rules, lists))


def _may_reply(
    db: Database, into: Hydration, root: int, rules: list[JsonObject], lists: list[int]
) -> bool:
    """Apply a gate's rules to the viewer."""
    viewer, author = into.viewer_id, into.owner(root)
    if viewer is None or author is None:
        return False
    if viewer == author:
        return True
    kinds = {rule.get("$type") for rule in rules}
    relation = into.relation(author)
    return (
        (FOLLOWING in kinds and relation.followed_by is not None)
        or (FOLLOWER in kinds and relation.following is not None)
        or (MENTION in kinds and _mentions(db, root, viewer))
        or bool(lists and members(db, lists, [viewer]))
    )


def _mentions(db: Database, post: int, actor: int) -> bool:
    row = db.read_one("SELECT 1 FROM post_mention WHERE target_id = ? AND post_id = ?", actor, post)
    return row is not None
