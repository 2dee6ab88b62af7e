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


def forbids_quote(
    conn: Connection, post_id: int, actor_id: int, written_us: int | None = None
) -> bool:
    """Tell whether a post may not be quoted by an account; its own author always may.

    written_us: when it was quoted, if a gate made later shall not count.
    """
    gate = conn.row("SELECT no_quotes, created_us FROM postgate WHERE post_id = ?", post_id)
    if gate is None or not gate[0] or (written_us is not None and written_us < gate[1]):
        return False
    return subjects.owner(conn, post_id) != actor_id


def forbids_reply(
    conn: Connection, root_id: int, actor_id: int, written_us: int | None = None
) -> bool:
    """Tell whether an account may not reply in a thread; the thread's author always may.

    written_us: when the reply was written, if a gate made later shall not count.
    """
    row = conn.row("SELECT record, created_us FROM threadgate WHERE post_id = ?", root_id)
    if row is None or (written_us is not None and written_us < row[1]):
        return False
    gate = row[0]
    allow = orjson.loads(gate).get("allow")
    author_id = subjects.owner(conn, root_id)
    if allow is None or author_id == actor_id:
        return False
    return not any(_lets_in(conn, rule, root_id, author_id, actor_id) for rule in allow)


def judge_again(conn: Connection, actor_id: int) -> None:
    """Apply the gates again once a whole repo is here, for it came in no order of time.

    To replies in the account's threads and quotes of its posts, and to its own replies in gated
    threads; only to those written after the gate, since a gate changes nothing of what was before.
    """
    rows = conn.rows(
        "SELECT p.id, p.parent_id, p.root_id, p.actor_id, p.invalid_root, p.violates_threadgate"
        " FROM subject s CROSS JOIN threadgate g ON g.post_id = s.id"
        " CROSS JOIN post p ON p.root_id = g.post_id"
        " WHERE s.actor_id = ?1 AND p.created_us >= g.created_us"
        " UNION SELECT p.id, p.parent_id, p.root_id, p.actor_id, p.invalid_root,"
        " p.violates_threadgate FROM post p CROSS JOIN threadgate g ON g.post_id = p.root_id"
        " WHERE p.actor_id = ?1 AND p.created_us >= g.created_us",
        actor_id,
    )
    for post_id, parent_id, root_id, replier_id, invalid, violated in rows:
        violates = forbids_reply(conn, root_id, replier_id)
        if violates == bool(violated):
            continue
        conn.execute(
            "UPDATE post SET violates_threadgate = ? WHERE id = ?", (int(violates), post_id)
        )
        if not invalid:
            subjects.count_replies(conn, parent_id, -1 if violates else 1)
    _judge_quotes_again(conn, actor_id)


def _judge_quotes_again(conn: Connection, actor_id: int) -> None:
    rows = conn.rows(
        "SELECT p.id, p.quote_id, p.actor_id FROM subject s"
        " CROSS JOIN postgate g ON g.post_id = s.id CROSS JOIN post p ON p.quote_id = g.post_id"
        " WHERE s.actor_id = ? AND g.no_quotes = 1 AND p.violates_postgate = 0"
        " AND p.created_us >= g.created_us",
        actor_id,
    )
    for post_id, quoted_id, quoting_id in rows:
        if quoting_id != actor_id:
            conn.execute("UPDATE post SET violates_postgate = 1 WHERE id = ?", (post_id,))
            subjects.count_quotes(conn, quoted_id, -1)


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
