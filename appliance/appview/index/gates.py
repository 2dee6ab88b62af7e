"""app.bsky.feed.threadgate and postgate: who may reply to a post, and who may quote it.

A gate rules only in the repo of the post's author and under the post's own record key.
"""

from typing import Any

import orjson

from appliance.appview.index import graph, lists, subjects
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.base.connection import Connection

POST = "app.bsky.feed.post"
_RULES = "app.bsky.feed.threadgate#"
_NO_QUOTES = "app.bsky.feed.postgate#disableRule"


def insert_threadgate(conn: Connection, record: IndexedRecord) -> None:
    """Store a threadgate, with the replies it hides."""
    post_id = _gated_post(conn, record)
    if post_id is None:
        return
    created_us, indexed_us, _ = record.times()
    conn.execute(
        "INSERT INTO threadgate (post_id, uri, cid, created_us, indexed_us, record)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (post_id, record.uri, str(record.cid), created_us, indexed_us, record.json),
    )
    for uri in record.value.get("hiddenReplies", ()):
        hidden_id = subjects.intern(conn, uri, record.now_us)
        if hidden_id is not None:
            conn.execute(
                "INSERT OR IGNORE INTO hidden_reply (root_id, post_id) VALUES (?, ?)",
                (post_id, hidden_id),
            )


def delete_threadgate(conn: Connection, ref: RecordRef) -> None:
    post_id = subjects.find(conn, _post_uri(ref))
    conn.execute("DELETE FROM threadgate WHERE post_id = ?", (post_id,))
    conn.execute("DELETE FROM hidden_reply WHERE root_id = ?", (post_id,))


def insert_postgate(conn: Connection, record: IndexedRecord) -> None:
    """Store a postgate, with the quotes it detaches."""
    post_id = _gated_post(conn, record)
    if post_id is None:
        return
    created_us, indexed_us, _ = record.times()
    rules = record.value.get("embeddingRules", ())
    conn.execute(
        "INSERT INTO postgate (post_id, uri, cid, created_us, indexed_us, no_quotes, record)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            post_id,
            record.uri,
            str(record.cid),
            created_us,
            indexed_us,
            int(any(rule.get("$type") == _NO_QUOTES for rule in rules)),
            record.json,
        ),
    )
    for uri in record.value.get("detachedEmbeddingUris", ()):
        quoting_id = subjects.intern(conn, uri, record.now_us)
        if quoting_id is not None:
            conn.execute(
                "INSERT OR IGNORE INTO detached_quote (post_id, quoting_id) VALUES (?, ?)",
                (post_id, quoting_id),
            )


def delete_postgate(conn: Connection, ref: RecordRef) -> None:
    post_id = subjects.find(conn, _post_uri(ref))
    conn.execute("DELETE FROM postgate WHERE post_id = ?", (post_id,))
    conn.execute("DELETE FROM detached_quote WHERE post_id = ?", (post_id,))


def forbids_quote(conn: Connection, post_id: int, actor_id: int) -> bool:
    """Tell whether a post may not be quoted by an account; its own author always may."""
    gated = conn.value("SELECT no_quotes FROM postgate WHERE post_id = ?", post_id)
    return bool(gated) and subjects.owner(conn, post_id) != actor_id


def forbids_reply(conn: Connection, root_id: int, actor_id: int) -> bool:
    """Tell whether an account may not reply in a thread; the thread's author always may."""
    gate = conn.value("SELECT record FROM threadgate WHERE post_id = ?", root_id)
    if gate is None:
        return False
    allow = orjson.loads(gate).get("allow")
    author_id = subjects.owner(conn, root_id)
    if allow is None or author_id == actor_id:
        return False
    return not any(_lets_in(conn, rule, root_id, author_id, actor_id) for rule in allow)


def is_hidden(conn: Connection, root_id: int, post_id: int) -> bool:
    """Tell whether the author of a thread has hidden a reply in it."""
    found = conn.value(
        "SELECT 1 FROM hidden_reply WHERE root_id = ? AND post_id = ?", root_id, post_id
    )
    return found is not None


def _lets_in(
    conn: Connection, rule: dict[str, Any], root_id: int, author_id: int, actor_id: int
) -> bool:
    match str(rule.get("$type")).removeprefix(_RULES):
        case "mentionRule":
            return _is_mentioned(conn, root_id, actor_id)
        case "followerRule":
            return graph.follows(conn, actor_id, author_id)
        case "followingRule":
            return graph.follows(conn, author_id, actor_id)
        case "listRule":
            return lists.is_on_list(conn, rule["list"], actor_id)
        case _:
            return False


def _is_mentioned(conn: Connection, post_id: int, actor_id: int) -> bool:
    found = conn.value(
        "SELECT 1 FROM post_mention WHERE target_id = ? AND post_id = ?", actor_id, post_id
    )
    return found is not None


def _gated_post(conn: Connection, record: IndexedRecord) -> int | None:
    uri = record.sibling(POST)
    if record.value["post"] != uri:
        return None
    return subjects.intern_own(conn, uri, record.actor_id)


def _post_uri(ref: RecordRef) -> str:
    return f"at://{ref.did}/{POST}/{ref.rkey}"


INDEXES = (
    RecordIndex("app.bsky.feed.threadgate", insert_threadgate, delete_threadgate),
    RecordIndex("app.bsky.feed.postgate", insert_postgate, delete_postgate),
)
