"""The full-text index of posts, whose rows are in the order of time."""

from appliance.base.connection import Connection

# Of posts of one microsecond this many have rows of their own; more would share them.
ROWS_PER_MICROSECOND = 4096


def row_id(sort_us: int, post_id: int) -> int:
    """Give the row of a post: by its place in time."""
    return sort_us * ROWS_PER_MICROSECOND + post_id % ROWS_PER_MICROSECOND


def put(conn: Connection, sort_us: int, post_id: int, text: str) -> None:
    """Have a post found by its words, once `flush` is called in the same transaction."""
    conn.execute(
        "INSERT OR REPLACE INTO post_text_due (id, text) VALUES (?, ?)",
        (row_id(sort_us, post_id), text),
    )


def remove(conn: Connection, sort_us: int, post_id: int) -> None:
    row = row_id(sort_us, post_id)
    conn.execute("DELETE FROM post_text_due WHERE id = ?", (row,))
    if conn.changes() == 0:
        conn.execute("DELETE FROM post_text WHERE rowid = ?", (row,))


def flush(conn: Connection) -> None:
    """Take in what was put, outside the savepoints of single records."""
    conn.execute("INSERT INTO post_text (rowid, text) SELECT id, text FROM post_text_due")
    conn.execute("DELETE FROM post_text_due")
