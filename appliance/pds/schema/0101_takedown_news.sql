-- Takedowns of records and blobs that the AppView has yet to hear of, oldest first.

CREATE TABLE takedown_news (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB NOT NULL,                  -- JSON: strongRef or repoBlobRef
    reference TEXT                          -- the operator's; NULL = it is shown again
) STRICT;
