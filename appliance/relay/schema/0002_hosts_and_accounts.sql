CREATE TABLE host (
    id INTEGER PRIMARY KEY,
    -- Name and, where it is not the usual one, port: pds.example.com, localhost:2583.
    hostname TEXT NOT NULL UNIQUE,
    -- As DID documents name it: https://pds.example.com, without a slash behind.
    url TEXT NOT NULL UNIQUE,
    -- waiting: somebody asked us to crawl it, nobody here has approved.
    standing TEXT NOT NULL CHECK (standing IN ('active', 'waiting', 'banned')),
    -- Named in our settings; such a host has no limit of accounts.
    trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)),
    -- Its seq of the last event handled here; NULL: begin with what is new.
    cursor INTEGER,
    accounts INTEGER NOT NULL DEFAULT 0,
    -- Microseconds since 1970.
    added_us INTEGER NOT NULL,
    last_event_us INTEGER
) STRICT;

CREATE INDEX host_by_time ON host (added_us);

CREATE TABLE account (
    -- Also the order and the cursor of listRepos.
    id INTEGER PRIMARY KEY,
    did TEXT NOT NULL UNIQUE,
    host_id INTEGER NOT NULL REFERENCES host (id),
    -- What its host says.
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    status TEXT,
    -- What we say; it wins. NULL: nothing.
    local_status TEXT,
    -- The newest commit verified: its rev, CID and tree root; NULL before the first.
    rev TEXT,
    head BLOB,
    data BLOB
) STRICT;

CREATE INDEX account_by_host ON account (host_id);
