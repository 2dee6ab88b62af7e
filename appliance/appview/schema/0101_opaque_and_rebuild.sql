-- Records of collections this AppView knows nothing of, of accounts hosted here: so that other apps
-- can work on this box. Also those whose lexicon we have but do not index.
CREATE TABLE opaque_record (
    actor_id INTEGER NOT NULL,
    collection TEXT NOT NULL,
    rkey TEXT NOT NULL,
    cid BLOB NOT NULL,               -- 36-byte CID
    block BLOB NOT NULL,             -- DAG-CBOR
    PRIMARY KEY (actor_id, collection, rkey)
) STRICT, WITHOUT ROWID;

-- 1 = to be fetched again and indexed anew, also what is held already.
ALTER TABLE actor ADD COLUMN anew INTEGER NOT NULL DEFAULT 0;
CREATE INDEX actor_anew ON actor (id) WHERE anew = 1;

-- The last time everything was indexed anew: one row.
CREATE TABLE rebuild (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    started_us INTEGER NOT NULL,
    accounts INTEGER NOT NULL
) STRICT;
