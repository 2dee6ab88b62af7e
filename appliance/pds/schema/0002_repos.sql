-- Hosted repositories. The record rows are the truth; the search tree is derived from them.

CREATE TABLE repo (
    id           INTEGER PRIMARY KEY,   -- in order of creation
    did          TEXT NOT NULL UNIQUE,
    commit_cid   BLOB NOT NULL,
    commit_block BLOB NOT NULL,         -- DAG-CBOR of the signed commit
    rev          TEXT NOT NULL,         -- the rev inside that commit
    data         BLOB NOT NULL          -- root of the search tree
) STRICT;

CREATE TABLE record (
    repo     INTEGER NOT NULL REFERENCES repo (id),
    path     TEXT NOT NULL,             -- collection/rkey; byte order is the tree's order
    cid      BLOB NOT NULL,
    rev      TEXT NOT NULL,             -- of the commit that last wrote it
    subject  INTEGER,                   -- hash of what a like, repost, follow or block points at
    takedown TEXT,                      -- the operator's reference; NULL while visible
    block    BLOB NOT NULL,             -- DAG-CBOR; last, so that scans of the rest stay short
    UNIQUE (repo, path)
) STRICT;

CREATE INDEX record_subject ON record (repo, subject) WHERE subject IS NOT NULL;

-- Where records used to be: getRepo?since= needs to know which nodes a deletion changed.
CREATE TABLE deleted_record (
    repo INTEGER NOT NULL REFERENCES repo (id),
    path TEXT NOT NULL,
    rev  TEXT NOT NULL,                 -- of the commit that deleted it
    PRIMARY KEY (repo, path)
) STRICT, WITHOUT ROWID;

-- Uploaded blobs; the bytes are files. One without a blob_ref is temporary.
CREATE TABLE blob (
    repo        INTEGER NOT NULL REFERENCES repo (id),
    cid         BLOB NOT NULL,
    mime_type   TEXT NOT NULL,
    size        INTEGER NOT NULL,       -- bytes
    uploaded_us INTEGER NOT NULL,
    takedown    TEXT,
    PRIMARY KEY (repo, cid)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_cid ON blob (cid);    -- accounts share the file of equal blobs

-- Which record needs which blob. After an import the blob itself may still be missing.
CREATE TABLE blob_ref (
    repo INTEGER NOT NULL REFERENCES repo (id),
    path TEXT NOT NULL,
    cid  BLOB NOT NULL,
    PRIMARY KEY (repo, path, cid)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_ref_cid ON blob_ref (repo, cid);
