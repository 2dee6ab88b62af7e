-- Words of posts on their way into post_text: a full-text table writes everything out at each
-- savepoint, and every record has one. Emptied in the transaction that fills it.
CREATE TABLE post_text_due (
    id INTEGER PRIMARY KEY,          -- post_text.rowid
    text TEXT NOT NULL
) STRICT;
