"""Interned at:// URIs, with the counts of what points to them."""

from appliance.appview import actors
from appliance.atproto.syntax import AtUri
from appliance.base.connection import Connection


def intern(conn: Connection, uri: str, now_us: int) -> int | None:
    """Return the key of a record's URI, making one if need be.

    None when the URI names no record in a repo: it has no record key, or a handle in place of the
    DID, which nobody can resolve to the same record for ever.
    """
    row = conn.execute("SELECT id FROM subject WHERE uri = ?", (uri,)).fetchone()
    if row is not None:
        return int(row[0])
    parsed = AtUri.unchecked(uri)
    if not uri.startswith("at://did:") or parsed.rkey is None:
        return None
    return _insert(conn, uri, actors.intern(conn, parsed.authority, now_us))


def intern_own(conn: Connection, uri: str, actor_id: int) -> int:
    """Return the key of the URI of a record in the repo of a known account."""
    row = conn.execute("SELECT id FROM subject WHERE uri = ?", (uri,)).fetchone()
    return int(row[0]) if row is not None else _insert(conn, uri, actor_id)


def find(conn: Connection, uri: str) -> int | None:
    """Return the key of a URI if it has one."""
    row = conn.execute("SELECT id FROM subject WHERE uri = ?", (uri,)).fetchone()
    return None if row is None else int(row[0])


def owner(conn: Connection, subject_id: int) -> int:
    """Return whose repo an interned URI names, as actor.id."""
    return int(conn.value("SELECT actor_id FROM subject WHERE id = ?", subject_id))


def uri_of(conn: Connection, subject_id: int) -> str:
    return str(conn.value("SELECT uri FROM subject WHERE id = ?", subject_id))


def count_likes(conn: Connection, subject_id: int, change: int) -> None:
    conn.execute(
        "UPDATE subject SET like_count = like_count + ? WHERE id = ?", (change, subject_id)
    )


def count_reposts(conn: Connection, subject_id: int, change: int) -> None:
    conn.execute(
        "UPDATE subject SET repost_count = repost_count + ? WHERE id = ?", (change, subject_id)
    )


def count_replies(conn: Connection, subject_id: int, change: int) -> None:
    conn.execute(
        "UPDATE subject SET reply_count = reply_count + ? WHERE id = ?", (change, subject_id)
    )


def count_quotes(conn: Connection, subject_id: int, change: int) -> None:
    conn.execute(
        "UPDATE subject SET quote_count = quote_count + ? WHERE id = ?", (change, subject_id)
    )


def _insert(conn: Connection, uri: str, actor_id: int) -> int:
    conn.execute("INSERT INTO subject (uri, actor_id) VALUES (?, ?)", (uri, actor_id))
    return conn.last_insert_rowid()
