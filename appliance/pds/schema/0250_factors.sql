-- What a member proves besides the password, and how often somebody guessed.
-- Times are microseconds since 1970 (UTC).

CREATE TABLE second_step (
    did TEXT PRIMARY KEY,
    mail INTEGER NOT NULL DEFAULT 0,        -- 1 = a code by mail counts, and is asked for
    passkey INTEGER NOT NULL DEFAULT 0,     -- 1 = a passkey is asked for behind the password
    failures INTEGER NOT NULL DEFAULT 0,    -- wrong answers since the last right one
    failed_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE totp (
    did TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0,   -- 1 = the member has shown a right code
    last_step INTEGER NOT NULL DEFAULT 0    -- the newest step used: no code counts twice
) STRICT;

CREATE TABLE recovery_code (
    did TEXT NOT NULL,
    digest BLOB NOT NULL,                   -- SHA-256 over did and code (50 random bits)
    PRIMARY KEY (did, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE passkey (
    credential_id BLOB PRIMARY KEY,
    did TEXT NOT NULL,
    public_key BLOB NOT NULL,               -- COSE
    sign_count INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;

CREATE INDEX passkey_did ON passkey (did);
