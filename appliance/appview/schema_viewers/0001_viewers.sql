-- What only this AppView knows about its viewers. Precious: in the backup, the export and the
-- migration. Keyed by DID and URI as text, since the index and its integers may be dropped.
-- Times: INTEGER microseconds since the epoch, UTC.

CREATE TABLE mute (
    viewer TEXT NOT NULL,            -- DID of the one who mutes
    target TEXT NOT NULL,            -- DID of the muted
    created_us INTEGER NOT NULL,
    only_reposts INTEGER NOT NULL DEFAULT 0,
    only_quoteposts INTEGER NOT NULL DEFAULT 0,   -- both 0 = muted wholly
    PRIMARY KEY (viewer, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX mute_newest ON mute (viewer, created_us, target);

CREATE TABLE list_mute (
    viewer TEXT NOT NULL,
    list TEXT NOT NULL,              -- at:// URI
    created_us INTEGER NOT NULL,
    PRIMARY KEY (viewer, list)
) STRICT, WITHOUT ROWID;
CREATE INDEX list_mute_newest ON list_mute (viewer, created_us, list);

CREATE TABLE thread_mute (
    viewer TEXT NOT NULL,
    root TEXT NOT NULL,              -- at:// URI of the thread's first post
    created_us INTEGER NOT NULL,
    PRIMARY KEY (viewer, root)
) STRICT, WITHOUT ROWID;

CREATE TABLE bookmark (
    viewer TEXT NOT NULL,
    uri TEXT NOT NULL,
    cid TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (viewer, uri)
) STRICT, WITHOUT ROWID;
CREATE INDEX bookmark_newest ON bookmark (viewer, created_us, uri);
CREATE INDEX bookmark_by_uri ON bookmark (uri);      -- bookmarkCount

CREATE TABLE draft (
    viewer TEXT NOT NULL,
    id TEXT NOT NULL,                -- TID
    draft TEXT NOT NULL,             -- JSON
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (viewer, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX draft_newest ON draft (viewer, updated_us, id);

-- One row per viewer: notifications seen, and their preferences (JSON of
-- app.bsky.notification.defs#preferences, only what differs from the defaults).
CREATE TABLE viewer (
    did TEXT PRIMARY KEY,
    seen_us INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    notification_preferences TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;

CREATE TABLE activity_subscription (
    viewer TEXT NOT NULL,
    target TEXT NOT NULL,            -- DID
    post INTEGER NOT NULL,
    reply INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (viewer, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_subscription_by_target ON activity_subscription (target);
CREATE INDEX activity_subscription_newest ON activity_subscription (viewer, created_us, target);

CREATE TABLE push_token (
    viewer TEXT NOT NULL,
    service_did TEXT NOT NULL,
    platform TEXT NOT NULL,
    app_id TEXT NOT NULL,
    token TEXT NOT NULL,
    age_restricted INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (viewer, service_did, platform, app_id, token)
) STRICT, WITHOUT ROWID;
