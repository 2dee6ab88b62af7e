-- Apps that members let in by OAuth: what was asked for, what was granted, what was used up.
-- Times are microseconds since 1970 (UTC).

CREATE TABLE IF NOT EXISTS oauth_request (
    digest TEXT PRIMARY KEY,                -- SHA-256 of the request_uri
    client_id TEXT NOT NULL,
    asked TEXT NOT NULL,                    -- JSON: the parameters, checked
    dpop_jkt TEXT NOT NULL,                 -- thumbprint of the key that tokens will be bound to
    client_key TEXT,                        -- thumbprint of the client's own key; NULL = public
    source TEXT NOT NULL,                   -- the address it was pushed from, for counting
    expires_at INTEGER NOT NULL,
    browser TEXT,                           -- SHA-256 of the cookie of the browser it was opened in
    opened_at INTEGER,
    chosen TEXT                             -- the account chosen for it
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS oauth_request_client_id ON oauth_request (client_id);
CREATE INDEX IF NOT EXISTS oauth_request_source ON oauth_request (source);
CREATE INDEX IF NOT EXISTS oauth_request_expires_at ON oauth_request (expires_at);

CREATE TABLE IF NOT EXISTS oauth_grant (
    id TEXT PRIMARY KEY,                    -- random; no secret
    did TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,                    -- as the member granted it
    permissions TEXT NOT NULL,              -- the same with its permission sets opened
    dpop_jkt TEXT NOT NULL,                 -- thumbprint of the key that its tokens are bound to
    client_key TEXT,                        -- thumbprint of the client's own key; NULL = public
    code_digest TEXT NOT NULL UNIQUE,       -- SHA-256 of the code, kept to notice a second use
    code_challenge TEXT NOT NULL,           -- PKCE, S256
    redirect_uri TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,  -- of its tokens; 0 = the code waits to be exchanged
    created_at INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL             -- of the code, then of the refresh token
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS oauth_grant_did ON oauth_grant (did, client_id);
CREATE INDEX IF NOT EXISTS oauth_grant_expires_at ON oauth_grant (expires_at);

-- What must not come twice: code challenges for a day, client assertions as long as they are good.
CREATE TABLE IF NOT EXISTS oauth_seen (
    digest BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS oauth_seen_expires_at ON oauth_seen (expires_at);
