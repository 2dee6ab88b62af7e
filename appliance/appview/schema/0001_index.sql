-- The index of a small AppView. Everything here is derived from repos: the file may be dropped
-- and filled again (what nobody else has is in schema_viewers).
--
-- Keys: DIDs and at:// URIs are interned once, as actor.id and subject.id; every other table uses
-- these integers. "target_id" is an actor.id, "subject_id" a subject.id.
-- Times: INTEGER microseconds since the epoch, UTC. created_us is what the record claims,
-- indexed_us when we took it in, sort_us the earlier of the two (the order of every list).
-- record columns: the record as JSON text, byte for byte what a view shows.

-- Where we are in the relay's stream. Written in the transaction that stores what was read.
CREATE TABLE stream (
    source TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE collection (
    id INTEGER PRIMARY KEY,
    nsid TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO collection (id, nsid) VALUES
    (1, 'app.bsky.feed.post'), (2, 'app.bsky.feed.like'), (3, 'app.bsky.feed.repost'),
    (4, 'app.bsky.feed.threadgate'), (5, 'app.bsky.feed.postgate'), (6, 'app.bsky.feed.generator'),
    (7, 'app.bsky.graph.follow'), (8, 'app.bsky.graph.block'), (9, 'app.bsky.graph.list'),
    (10, 'app.bsky.graph.listitem'), (11, 'app.bsky.graph.listblock'),
    (12, 'app.bsky.graph.starterpack'), (13, 'app.bsky.graph.verification'),
    (14, 'app.bsky.actor.profile'), (15, 'app.bsky.actor.status'),
    (16, 'app.bsky.actor.contentVisibilityDeclaration'), (17, 'app.bsky.notification.declaration'),
    (18, 'app.bsky.labeler.service'), (19, 'chat.bsky.actor.declaration'),
    (20, 'com.germnetwork.declaration');

CREATE TABLE actor (
    id INTEGER PRIMARY KEY,
    did TEXT NOT NULL UNIQUE,
    handle TEXT,                     -- verified both ways, lower case; NULL = handle.invalid
    handle_due_us INTEGER NOT NULL DEFAULT 0,  -- when to look its identity up again; 0 = now, 1 = after those
    pds TEXT,                        -- endpoint in the DID document, as last seen
    status TEXT,                     -- NULL = active; else the word of #account, e.g. 'deactivated'
    status_us INTEGER,               -- since when; 'deleted' rows are purged a day later
    takedown INTEGER NOT NULL DEFAULT 0,   -- 1 = taken down by our own operator
    rev TEXT,                        -- rev of the last commit indexed; NULL = nothing indexed
    data BLOB,                       -- root of the tree of that commit (36-byte CID)
    sync TEXT NOT NULL DEFAULT 'unknown',  -- unknown, synced, pending (whole repo to be fetched)
    sync_error TEXT,
    sync_attempts INTEGER NOT NULL DEFAULT 0,
    sync_due_us INTEGER,             -- earliest next attempt; set while sync = 'pending'
    created_us INTEGER,              -- createdAt of the profile record
    indexed_us INTEGER NOT NULL,     -- first heard of
    followers_count INTEGER NOT NULL DEFAULT 0,
    follows_count INTEGER NOT NULL DEFAULT 0,
    posts_count INTEGER NOT NULL DEFAULT 0,
    lists_count INTEGER NOT NULL DEFAULT 0,
    feedgens_count INTEGER NOT NULL DEFAULT 0,
    starter_packs_count INTEGER NOT NULL DEFAULT 0,
    is_labeler INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX actor_by_handle ON actor (handle) WHERE handle IS NOT NULL;
CREATE INDEX actor_due ON actor (sync_due_us) WHERE sync = 'pending';
CREATE INDEX actor_handle_due ON actor (handle_due_us);
CREATE INDEX actor_deleted ON actor (status_us) WHERE status = 'deleted';
CREATE INDEX actor_popular ON actor (followers_count, id);

-- Every at:// URI that is a post, repost, list, generator, starter pack or labeler service, or
-- that a record we hold points to (so it may name something we never saw), with exact counts.
CREATE TABLE subject (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE,
    actor_id INTEGER NOT NULL,       -- whose repo the URI names
    like_count INTEGER NOT NULL DEFAULT 0,
    repost_count INTEGER NOT NULL DEFAULT 0,
    reply_count INTEGER NOT NULL DEFAULT 0,  -- without gate violations and invalid roots
    quote_count INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What we hold: one row per indexed record of any collection. Makes indexing idempotent.
CREATE TABLE record (
    actor_id INTEGER NOT NULL,
    collection_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    cid BLOB NOT NULL,               -- 36-byte CID
    PRIMARY KEY (actor_id, collection_id, rkey)
) STRICT, WITHOUT ROWID;

-- Frames of accounts whose whole repo is being fetched; applied after it, if newer.
CREATE TABLE held_event (
    id INTEGER PRIMARY KEY,
    actor_id INTEGER NOT NULL,
    rev TEXT NOT NULL,
    frame BLOB NOT NULL
) STRICT;
CREATE INDEX held_event_by_actor ON held_event (actor_id, rev);

-- ---------------------------------------------------------------- profiles and other singletons

CREATE TABLE profile (
    actor_id INTEGER PRIMARY KEY,
    cid TEXT NOT NULL,
    indexed_us INTEGER NOT NULL,
    display_name TEXT,               -- NULL when missing or empty
    description TEXT,
    avatar TEXT,                     -- CID text of the blob
    banner TEXT,
    pinned_id INTEGER,               -- subject.id of pinnedPost, only if in the actor's own repo
    joined_via_id INTEGER,           -- subject.id of joinedViaStarterPack
    record TEXT NOT NULL
) STRICT;
CREATE INDEX profile_joined_via ON profile (joined_via_id) WHERE joined_via_id IS NOT NULL;

-- Records there is one of per account (record key "self"), kept as they are:
-- app.bsky.actor.status, app.bsky.actor.contentVisibilityDeclaration,
-- app.bsky.notification.declaration, chat.bsky.actor.declaration, com.germnetwork.declaration.
CREATE TABLE declaration (
    actor_id INTEGER NOT NULL,
    collection TEXT NOT NULL,
    cid TEXT NOT NULL,
    indexed_us INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (actor_id, collection)
) STRICT, WITHOUT ROWID;

-- app.bsky.graph.verification: counts only while handle and display_name are the target's current.
CREATE TABLE verification (
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    target_id INTEGER NOT NULL,
    handle TEXT NOT NULL,
    display_name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    PRIMARY KEY (actor_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX verification_by_target ON verification (target_id);

-- ---------------------------------------------------------------- posts

CREATE TABLE post (
    id INTEGER PRIMARY KEY,          -- subject.id of its URI
    actor_id INTEGER NOT NULL,
    cid TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    parent_id INTEGER,               -- subject.id, NULL = not a reply
    root_id INTEGER,                 -- subject.id as claimed by the record, NULL = not a reply
    invalid_root INTEGER NOT NULL DEFAULT 0,        -- 1 = parent's thread is another than root_id
    violates_threadgate INTEGER NOT NULL DEFAULT 0,
    quote_id INTEGER,                -- subject.id of the embedded record, of any collection
    violates_postgate INTEGER NOT NULL DEFAULT 0,   -- its quote was forbidden: show as removed
    embed TEXT,                      -- NULL, 'images', 'gallery', 'video', 'external', 'record',
                                     -- or '<media>+record' for recordWithMedia
    has_media INTEGER NOT NULL DEFAULT 0,           -- images, gallery or video
    has_video INTEGER NOT NULL DEFAULT 0,
    self_thread INTEGER NOT NULL DEFAULT 0,         -- 1 = no reply, or a reply whose whole chain
                                                    -- up to the root is by its author
    langs TEXT,                      -- language tags with a space around each: ' en pt-BR '
    takedown INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX post_by_actor ON post (actor_id, sort_us, id);
CREATE INDEX post_media_by_actor ON post (actor_id, sort_us, id) WHERE has_media = 1;
CREATE INDEX post_children ON post (parent_id, sort_us, id) WHERE parent_id IS NOT NULL;
CREATE INDEX post_by_root ON post (root_id, sort_us, id) WHERE root_id IS NOT NULL;
CREATE INDEX post_quotes ON post (quote_id, sort_us, id) WHERE quote_id IS NOT NULL;
CREATE INDEX post_newest ON post (sort_us, id);

-- Posts and reposts in one order, for timelines (primary key) and author feeds (index).
-- id is the subject.id of the post itself, or of the repost; then id <> post_id.
CREATE TABLE feed_item (
    sort_us INTEGER NOT NULL,
    id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,       -- author of the post, or the reposter
    post_id INTEGER NOT NULL,        -- subject.id; the post may be missing
    PRIMARY KEY (sort_us, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX feed_item_by_actor ON feed_item (actor_id, sort_us, id, post_id);

CREATE TABLE post_mention (          -- DIDs in facets
    target_id INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    PRIMARY KEY (target_id, post_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX post_mention_by_post ON post_mention (post_id);

CREATE TABLE post_tag (              -- hashtags in facets and in record.tags; casefolded, without #
    tag TEXT NOT NULL,
    sort_us INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    PRIMARY KEY (tag, sort_us, post_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX post_tag_by_post ON post_tag (post_id);

CREATE TABLE post_link (             -- links in facets and external embeds
    domain TEXT NOT NULL,            -- host name, lower case, without "www."
    sort_us INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    uri TEXT NOT NULL,
    PRIMARY KEY (domain, sort_us, post_id, uri)
) STRICT, WITHOUT ROWID;
CREATE INDEX post_link_by_post ON post_link (post_id);
CREATE INDEX post_link_by_uri ON post_link (uri, sort_us, post_id);

-- rowid = post.id. text: post text, image alt texts, link titles and descriptions, tags.
-- Search newest first (ORDER BY rowid DESC); ranked search belongs in Database.scan.
CREATE VIRTUAL TABLE post_text USING fts5 (
    text, content = '', contentless_delete = 1, detail = full,
    tokenize = "unicode61 remove_diacritics 2"
);

-- rowid = actor.id.
CREATE VIRTUAL TABLE actor_text USING fts5 (
    handle, display_name, description, content = '', contentless_delete = 1,
    prefix = '1 2 3', tokenize = "unicode61 remove_diacritics 2"
);

-- ---------------------------------------------------------------- likes, reposts

-- counts = 1 marks the one record per (actor, subject) that counts and is listed; a second record
-- for the same pair has 0 until the first is deleted.
CREATE TABLE "like" (
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    counts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    via_id INTEGER,                  -- subject.id of the repost it came through
    PRIMARY KEY (actor_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX like_pair ON "like" (actor_id, subject_id, counts);
CREATE INDEX like_by_subject
    ON "like" (subject_id, sort_us, actor_id, created_us, indexed_us) WHERE counts = 1;
CREATE INDEX like_by_actor ON "like" (actor_id, sort_us, subject_id) WHERE counts = 1;

CREATE TABLE repost (
    id INTEGER PRIMARY KEY,          -- subject.id of its own URI
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    cid TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    counts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    via_id INTEGER,
    UNIQUE (actor_id, rkey)
) STRICT;
CREATE INDEX repost_pair ON repost (actor_id, subject_id, counts);
CREATE INDEX repost_by_subject ON repost (subject_id, sort_us, actor_id) WHERE counts = 1;

-- ---------------------------------------------------------------- graph

CREATE TABLE follow (
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    target_id INTEGER NOT NULL,
    counts INTEGER NOT NULL,         -- as in "like"
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    PRIMARY KEY (actor_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX follow_pair ON follow (actor_id, target_id, counts);
CREATE INDEX follow_by_target ON follow (target_id, sort_us, actor_id) WHERE counts = 1;
CREATE INDEX follow_by_actor ON follow (actor_id, sort_us, target_id) WHERE counts = 1;

CREATE TABLE block (
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    target_id INTEGER NOT NULL,
    counts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    PRIMARY KEY (actor_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX block_pair ON block (actor_id, target_id, counts);
CREATE INDEX block_by_target ON block (target_id, actor_id) WHERE counts = 1;
CREATE INDEX block_by_actor ON block (actor_id, sort_us, target_id) WHERE counts = 1;

CREATE TABLE list (
    id INTEGER PRIMARY KEY,          -- subject.id
    actor_id INTEGER NOT NULL,
    cid TEXT NOT NULL,
    purpose TEXT NOT NULL,           -- 'app.bsky.graph.defs#curatelist' etc.
    name TEXT NOT NULL,
    avatar TEXT,                     -- CID text
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    takedown INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX list_by_actor ON list (actor_id, sort_us, id);

-- Only items in the repo of the list's own author. The list row may come later, or never.
-- listItemCount = SELECT count(*) ... WHERE list_id = ? AND counts = 1 (covered by an index).
CREATE TABLE listitem (
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    list_id INTEGER NOT NULL,        -- subject.id
    target_id INTEGER NOT NULL,
    counts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    PRIMARY KEY (actor_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX listitem_pair ON listitem (list_id, target_id, counts);
CREATE INDEX listitem_by_list ON listitem (list_id, sort_us, target_id) WHERE counts = 1;
CREATE INDEX listitem_by_target ON listitem (target_id, list_id) WHERE counts = 1;

CREATE TABLE listblock (             -- actor blocks everybody on the list
    actor_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    list_id INTEGER NOT NULL,        -- subject.id
    counts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    PRIMARY KEY (actor_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX listblock_pair ON listblock (actor_id, list_id, counts);
CREATE INDEX listblock_by_list ON listblock (list_id, actor_id) WHERE counts = 1;

CREATE TABLE starter_pack (
    id INTEGER PRIMARY KEY,          -- subject.id
    actor_id INTEGER NOT NULL,
    cid TEXT NOT NULL,
    list_id INTEGER NOT NULL,        -- subject.id of its list
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    takedown INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX starter_pack_by_actor ON starter_pack (actor_id, sort_us, id);

-- ---------------------------------------------------------------- gates

-- Only gates that may rule: in the repo of the post's author, with the post's own record key.
CREATE TABLE threadgate (
    post_id INTEGER PRIMARY KEY,     -- subject.id of the root post (which may be missing)
    uri TEXT NOT NULL,               -- of the gate record
    cid TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE hidden_reply (          -- threadgate.hiddenReplies
    root_id INTEGER NOT NULL,        -- threadgate.post_id
    post_id INTEGER NOT NULL,        -- subject.id of the reply
    PRIMARY KEY (root_id, post_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE postgate (
    post_id INTEGER PRIMARY KEY,     -- subject.id of the post that may be quoted or not
    uri TEXT NOT NULL,
    cid TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    no_quotes INTEGER NOT NULL,      -- 1 = the disable rule stands
    record TEXT NOT NULL
) STRICT;

CREATE TABLE detached_quote (        -- postgate.detachedEmbeddingUris
    post_id INTEGER NOT NULL,        -- postgate.post_id: what was quoted
    quoting_id INTEGER NOT NULL,     -- subject.id of the quoting post
    PRIMARY KEY (post_id, quoting_id)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- feeds, labelers, labels

CREATE TABLE generator (
    id INTEGER PRIMARY KEY,          -- subject.id
    actor_id INTEGER NOT NULL,
    cid TEXT NOT NULL,
    service_did TEXT NOT NULL,
    display_name TEXT NOT NULL,
    avatar TEXT,                     -- CID text
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    sort_us INTEGER NOT NULL,
    takedown INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX generator_by_actor ON generator (actor_id, sort_us, id);
CREATE INDEX generator_newest ON generator (sort_us, id);

CREATE TABLE labeler (               -- app.bsky.labeler.service/self
    actor_id INTEGER PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,      -- subject.id (labelers can be liked)
    cid TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    indexed_us INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

-- The latest label per (subject, labeler, value); neg = 1 keeps an older one from coming back.
CREATE TABLE label (
    uri TEXT NOT NULL,               -- at:// URI of a record, or a DID
    src TEXT NOT NULL,               -- DID of the labeler
    val TEXT NOT NULL,
    cid TEXT,                        -- NULL = any version of the record
    neg INTEGER NOT NULL DEFAULT 0,
    cts_us INTEGER NOT NULL,
    exp_us INTEGER,
    label TEXT NOT NULL,             -- the label as JSON, without sig
    PRIMARY KEY (uri, src, val)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_by_src ON label (src, cts_us);

-- ---------------------------------------------------------------- notifications

-- Blocks, mutes and thread mutes are applied when reading.
CREATE TABLE notification (
    id INTEGER PRIMARY KEY,
    target_id INTEGER NOT NULL,      -- who is told
    author_id INTEGER NOT NULL,      -- whose record it is
    reason TEXT NOT NULL,            -- a knownValue of listNotifications, e.g. 'reply'
    reason_subject TEXT,             -- at:// URI, NULL for follows
    root_id INTEGER,                 -- subject.id of the thread, for thread mutes
    uri TEXT NOT NULL,               -- of the record
    cid TEXT NOT NULL,
    sort_us INTEGER NOT NULL,        -- = indexed_us: arrival, the order of the list
    record TEXT NOT NULL
) STRICT;
CREATE INDEX notification_by_target ON notification (target_id, sort_us, id);
CREATE INDEX notification_by_reason ON notification (target_id, reason, sort_us, id);
CREATE UNIQUE INDEX notification_once ON notification (uri, target_id);

-- ---------------------------------------------------------------- blobs

-- Blobs that records we hold refer to: only these are served as images.
CREATE TABLE blob_ref (
    actor_id INTEGER NOT NULL,
    cid TEXT NOT NULL,
    collection_id INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    PRIMARY KEY (actor_id, cid, collection_id, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_ref_by_record ON blob_ref (actor_id, collection_id, rkey);
