-- The words of posts, now in the order of time: a search newest first stops when its page is full.
-- rowid = post.sort_us * 4096 + post.id % 4096. Text without spaces between words is split into
-- pairs of characters. Contentless: it cannot be filled from here, so all repos are indexed anew.
DROP TABLE post_text;
CREATE VIRTUAL TABLE post_text USING fts5 (
    text, content = '', contentless_delete = 1, detail = full,
    tokenize = "unicode61 remove_diacritics 2"
);
UPDATE actor SET anew = 1, sync = 'pending', sync_error = 'indexed anew', sync_due_us = 0
    WHERE rev IS NOT NULL AND status IS NULL;
