-- What our own operator has taken down. Here and not in the index, which may be dropped.
CREATE TABLE takedown (
    subject TEXT PRIMARY KEY,        -- a DID, an at:// URI, or "<did>/<cid>" for a blob
    ref TEXT,                        -- the operator's own reference
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
