-- Members on their way to another server: where to, so that they can go on later.

CREATE TABLE moving (
    did TEXT PRIMARY KEY,
    host TEXT NOT NULL,                     -- URL of the other server
    host_did TEXT NOT NULL,
    begun_at INTEGER NOT NULL               -- microseconds since 1970 (UTC)
) STRICT;
