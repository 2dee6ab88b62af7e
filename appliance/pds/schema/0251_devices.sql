-- Browsers in which members are signed in: for their own pages and for letting apps in.
-- Times are microseconds since 1970 (UTC).

CREATE TABLE device_account (
    device TEXT NOT NULL,                   -- SHA-256 of the cookie
    did TEXT NOT NULL,
    agent TEXT NOT NULL,                    -- what the browser calls itself
    signed_in_at INTEGER NOT NULL,
    proved_at INTEGER NOT NULL,             -- when password and second step were last given
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (device, did)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_account_did ON device_account (did);
CREATE INDEX device_account_seen_at ON device_account (seen_at);
