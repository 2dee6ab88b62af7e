-- When each relay was last asked to follow us, in microseconds since 1970: also a restart may not
-- ask again too soon.

CREATE TABLE crawl_request (
    relay TEXT PRIMARY KEY,                 -- its URL
    asked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
