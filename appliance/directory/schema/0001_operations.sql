-- Every operation ever accepted, also those undone by a recovery.
CREATE TABLE operation (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of acceptance, for exports
    did TEXT NOT NULL,
    cid BLOB NOT NULL,
    created_ms INTEGER NOT NULL UNIQUE,     -- milliseconds since 1970; grows with seq
    nullified INTEGER NOT NULL DEFAULT 0,
    operation TEXT NOT NULL,                -- JSON, signed
    UNIQUE (did, cid)
) STRICT;

CREATE INDEX operation_log ON operation (did, seq);
