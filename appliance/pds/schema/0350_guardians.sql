-- Accounts that somebody looks after: what is fixed in their settings, and who may change that.
CREATE TABLE ward (
    did      TEXT PRIMARY KEY,
    guardian TEXT,                  -- DID of a member; NULL = the owner, in the panel
    pins     BLOB NOT NULL,         -- JSON, see pins.py
    since    INTEGER NOT NULL       -- microseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX ward_guardian ON ward (guardian);
