-- People: who has an account here, how they sign in, and the codes on their way to them.
-- Times are microseconds since 1970 (UTC). Nothing is ever deleted by a trigger: accounts.erase
-- and its neighbours say what goes with an account.

CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- the order of creation; never used twice
    did TEXT NOT NULL UNIQUE,
    handle TEXT NOT NULL UNIQUE,            -- lower case
    email TEXT NOT NULL UNIQUE,             -- lower case
    email_confirmed_at INTEGER,
    password_hash TEXT NOT NULL,            -- PHC string
    created_at INTEGER NOT NULL,
    deactivated_at INTEGER,
    delete_after INTEGER,                   -- the member's wish at deactivation
    takedown_ref TEXT,                      -- the operator's reference; NULL = not taken down
    invites_disabled INTEGER NOT NULL DEFAULT 0,
    invite_note TEXT
) STRICT;

CREATE TABLE signing_key (
    public TEXT PRIMARY KEY,                -- did:key of the repo signing key
    did TEXT UNIQUE,                        -- NULL = reserved for nobody in particular
    curve TEXT NOT NULL,
    private BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    in_use INTEGER NOT NULL DEFAULT 0       -- 0 = reserved, 1 = signs the repo of did
) STRICT;

CREATE TABLE app_password (
    did TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash BLOB NOT NULL,            -- SHA-256 over did and password (80 random bits)
    privileged INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (did, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE refresh_token (
    jti TEXT PRIMARY KEY,
    did TEXT NOT NULL,
    app_password TEXT,                      -- its name, where the session began with one
    next_jti TEXT,                          -- set by the first refresh, and kept for the grace time
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_token_did ON refresh_token (did);
CREATE INDEX refresh_token_expires_at ON refresh_token (expires_at);

CREATE TABLE invite_code (
    code TEXT PRIMARY KEY,
    available INTEGER NOT NULL,             -- uses it was made with
    disabled INTEGER NOT NULL DEFAULT 0,
    for_account TEXT NOT NULL,              -- DID, or 'admin'
    created_by TEXT NOT NULL,               -- DID, or 'admin'
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX invite_code_for_account ON invite_code (for_account, created_at);
CREATE INDEX invite_code_created_at ON invite_code (created_at, code);

CREATE TABLE invite_use (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    used_by TEXT NOT NULL,
    used_at INTEGER NOT NULL
) STRICT;

CREATE INDEX invite_use_code ON invite_use (code);
CREATE INDEX invite_use_used_by ON invite_use (used_by);

CREATE TABLE email_token (
    did TEXT NOT NULL,
    purpose TEXT NOT NULL,
    token TEXT NOT NULL,                    -- XXXXX-XXXXX
    requested_at INTEGER NOT NULL,
    PRIMARY KEY (did, purpose)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX email_token_token ON email_token (purpose, token);

CREATE TABLE outbox_mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    did TEXT NOT NULL,                      -- whom it is for
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,                        -- NULL = not (yet) handed to a mail server
    failure TEXT                            -- why the last attempt failed
) STRICT;

CREATE INDEX outbox_mail_did ON outbox_mail (did);

CREATE TABLE preference (
    did TEXT PRIMARY KEY,
    items BLOB NOT NULL                     -- JSON array, in the order the client gave
) STRICT;

CREATE TABLE report (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reported_by TEXT NOT NULL,
    reason_type TEXT NOT NULL,
    reason TEXT,
    subject BLOB NOT NULL,                  -- JSON: repoRef or strongRef
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX report_reported_by ON report (reported_by);
