-- Most accounts of this host; NULL: as many as its standing gives. The limit of a host that
-- behaves grows with time: since when it has been what it is, and when something last was wrong.
ALTER TABLE host ADD COLUMN max_accounts INTEGER;
ALTER TABLE host ADD COLUMN limit_since_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN fault_us INTEGER;
-- Since when there is no connection; NULL while there is one.
ALTER TABLE host ADD COLUMN offline_since_us INTEGER;
-- 1: something of its stream was missed, so its list of repos is to be compared with ours.
ALTER TABLE host ADD COLUMN compare INTEGER NOT NULL DEFAULT 0 CHECK (compare IN (0, 1));
-- When its stream was last seen to agree with what it answers.
ALTER TABLE host ADD COLUMN compared_us INTEGER;
-- What a person should know of it, in plain words.
ALTER TABLE host ADD COLUMN note TEXT;

-- 1: its host had as many accounts as it may when it was first seen.
ALTER TABLE account ADD COLUMN throttled INTEGER NOT NULL DEFAULT 0 CHECK (throttled IN (0, 1));
-- When its status and rev were last compared with its host's.
ALTER TABLE account ADD COLUMN checked_us INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_throttled ON account (host_id, id) WHERE throttled = 1;
CREATE INDEX account_by_check ON account (checked_us);

-- Frames that were not passed on, for a person to look at; the newest of each account and host.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES host (id),
    -- '' where the frame could not be read.
    did TEXT NOT NULL,
    -- The number its host gave it.
    seq INTEGER,
    -- Which check it failed, and what was wrong in plain words.
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    size INTEGER NOT NULL,
    added_us INTEGER NOT NULL,
    frame BLOB NOT NULL
) STRICT;
CREATE INDEX quarantine_by_account ON quarantine (host_id, did, id);
CREATE INDEX quarantine_by_did ON quarantine (did, id);
CREATE INDEX quarantine_by_host ON quarantine (host_id, id, size);
CREATE INDEX quarantine_by_time ON quarantine (added_us);

-- Accounts whose host is to be asked where they stand.
CREATE TABLE repair (
    did TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    added_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX repair_by_time ON repair (due_us);

-- A DID, or a domain with everything below it.
CREATE TABLE ban (
    name TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    added_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which collections an account has, or once had, records in.
CREATE TABLE account_collection (
    collection TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (collection, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX collection_of_account ON account_collection (account_id);
