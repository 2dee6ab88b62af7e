"""Load threadgates and postgates, and what their rules say about the viewer."""

from collections.abc import Iterable, Sequence

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
    _read_rules(db, into, [GateRow._make(row) for row in rows])
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


def _read_rules(db: Database, into: Hydration, rows: Sequence[GateRow]) -> None:
    """Say of each gate which lists it names, and whether the viewer may reply."""
    rules = {row.post_id: orjson.loads(row.record).get("allow") for row in rows}
    named = {
        post: [rule["list"] for rule in allow if rule.get("$type") == LIST]
        for post, allow in rules.items()
        if allow is not None
    }
    uris = {uri for each in named.values() for uri in each}
    ids = subject_ids(db, uris) if uris else {}
    viewer = into.viewer_id
    on_lists: set[int] = set()
    mentioned: set[int] = set()
    if viewer is not None and ids:
        on_lists = {list_id for _, list_id in members(db, list(ids.values()), [viewer])}
    by_mention = [
        post
        for post, allow in rules.items()
        if any(rule.get("$type") == MENTION for rule in allow or ())
    ]
    if viewer is not None and by_mention:
        mentioned = _mentioning(db, by_mention, viewer)
    for row in rows:
        allow = rules[row.post_id]
        if allow is None:
            into.gates[row.post_id] = Gate(row)
            continue
        lists = [ids[uri] for uri in dict.fromkeys(named[row.post_id]) if uri in ids]
        lets_in = not on_lists.isdisjoint(lists)
        is_mentioned = row.post_id in mentioned
        may_reply = _may_reply(into, row.post_id, allow, is_mentioned, lets_in)
        into.gates[row.post_id] = Gate(row, lists, may_reply)


def _may_reply(
    into: Hydration, root: int, rules: list[JsonObject], is_mentioned: bool, is_listed: bool
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
        or (MENTION in kinds and is_mentioned)
        or is_listed
    )


def _mentioning(db: Database, posts: Iterable[int], actor: int) -> set[int]:
    """Say which of these posts mention an account."""
    rows = db.read(
        "SELECT m.post_id FROM json_each(?) j CROSS JOIN post_mention m"
        " ON m.target_id = ? AND m.post_id = j.value",
        json_list(posts),
        actor,
    )
    return {post for (post,) in rows}
