"""app.bsky.feed.post: its row, its place in feeds and threads, its words, whom it tells."""

from appliance.appview import actors, notifications
from appliance.appview.index import gates, post_text, replies, subjects
from appliance.appview.index.post_content import PostContent, content_of
from appliance.appview.index.record_index import RecordIndex
from appliance.appview.index.replies import Place
from appliance.appview.records import IndexedRecord, RecordRef
from appliance.base.connection import Connection

POST = "app.bsky.feed.post"


def insert(conn: Connection, record: IndexedRecord) -> None:
    """Store a post with everything that hangs on it; count it, tell those concerned."""
    place = replies.place_of(conn, record)
    if place is None:
        return
    content = content_of(record.value)
    post_id = subjects.intern_own(conn, record.uri, record.actor_id)
    quote_id = subjects.intern(conn, content.quote, record.now_us) if content.quote else None
    forbidden_quote = quote_id is not None and gates.forbids_quote(
        conn, quote_id, record.actor_id, record.told_us
    )
    _insert_row(conn, record, post_id, content, place, quote_id, forbidden_quote)
    _insert_words(conn, post_id, record, content)
    actors.count(conn, record.actor_id, posts=1)
    if place.parent_id is not None and place.counts:
        subjects.count_replies(conn, place.parent_id, 1)
    if quote_id is not None and not forbidden_quote:
        subjects.count_quotes(conn, quote_id, 1)
    replies.settle_children(conn, post_id)
    if record.is_live:
        _notify(conn, record, post_id, content, place, None if forbidden_quote else quote_id)


def delete(conn: Connection, ref: RecordRef) -> None:
    """Remove a post. Replies, likes and gates stay: they are other records."""
    row = conn.row(
        "DELETE FROM post WHERE id = (SELECT id FROM subject WHERE uri = ?) RETURNING id, sort_us,"
        " parent_id, invalid_root, violates_threadgate, quote_id, violates_postgate",
        ref.uri,
    )
    if row is None:
        return
    post_id, sort_us, parent_id, invalid, violates, quote_id, forbidden_quote = row
    conn.execute("DELETE FROM feed_item WHERE sort_us = ? AND id = ?", (sort_us, post_id))
    post_text.remove(conn, sort_us, post_id)
    conn.execute("DELETE FROM post_mention WHERE post_id = ?", (post_id,))
    conn.execute("DELETE FROM post_tag WHERE post_id = ?", (post_id,))
    conn.execute("DELETE FROM post_link WHERE post_id = ?", (post_id,))
    actors.count(conn, ref.actor_id, posts=-1)
    if parent_id is not None and not (invalid or violates):
        subjects.count_replies(conn, parent_id, -1)
    if quote_id is not None and not forbidden_quote:
        subjects.count_quotes(conn, quote_id, -1)


def _insert_row(
    conn: Connection,
    record: IndexedRecord,
    post_id: int,
    content: PostContent,
    place: Place,
    quote_id: int | None,
    forbidden_quote: bool,
) -> None:
    created_us, indexed_us, sort_us = record.times()
    conn.execute(
        "INSERT INTO post (id, actor_id, cid, created_us, indexed_us, sort_us, parent_id, root_id,"
        " invalid_root, violates_threadgate, self_thread, quote_id, violates_postgate, embed,"
        " has_media, has_video, langs, record)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            post_id,
            record.actor_id,
            str(record.cid),
            created_us,
            indexed_us,
            sort_us,
            place.parent_id,
            place.root_id,
            int(place.invalid_root),
            int(place.violates_threadgate),
            int(place.self_thread),
            quote_id,
            int(forbidden_quote),
            content.embed,
            int(content.has_media),
            int(content.has_video),
            content.langs,
            record.json,
        ),
    )
    conn.execute(
        "INSERT INTO feed_item (sort_us, id, actor_id, post_id) VALUES (?, ?, ?, ?)",
        (sort_us, post_id, record.actor_id, post_id),
    )


def _insert_words(
    conn: Connection, post_id: int, record: IndexedRecord, content: PostContent
) -> None:
    """Make a post findable by its words, mentions, tags and links."""
    sort_us = record.times()[2]
    post_text.put(conn, sort_us, post_id, content.text)
    for did in content.mentions:
        conn.execute(
            "INSERT INTO post_mention (target_id, post_id) VALUES (?, ?)",
            (actors.intern(conn, did, record.now_us), post_id),
        )
    for tag in content.tags:
        conn.execute(
            "INSERT INTO post_tag (tag, sort_us, post_id) VALUES (?, ?, ?)", (tag, sort_us, post_id)
        )
    for domain, uri in content.links:
        conn.execute(
            "INSERT INTO post_link (domain, sort_us, post_id, uri) VALUES (?, ?, ?, ?)",
            (domain, sort_us, post_id, uri),
        )


def _notify(
    conn: Connection,
    record: IndexedRecord,
    post_id: int,
    content: PostContent,
    place: Place,
    quote_id: int | None,
) -> None:
    """Tell the mentioned, the quoted and the answered, in this order: each is told once."""
    root_id = place.root_id or post_id
    for did in content.mentions:
        target_id = actors.intern(conn, did, record.now_us)
        notifications.add(conn, record, target_id, "mention", None, root_id)
    if quote_id is not None:
        quoted = subjects.owner(conn, quote_id)
        notifications.add(conn, record, quoted, "quote", content.quote, root_id)
    replies.notify_ancestors(conn, record, place)
    replies.notify_late(conn, record, post_id)


INDEXES = (RecordIndex(POST, insert, delete),)
