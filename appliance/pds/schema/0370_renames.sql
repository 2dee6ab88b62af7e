-- Handles on their way: noted before the DID document is changed, gone with the account's own row.
-- What is left after a crash is looked up in the directory, and then either done or forgotten.

CREATE TABLE rename (
    did    TEXT PRIMARY KEY,
    handle TEXT NOT NULL                    -- lower case; the one that is wanted
) STRICT, WITHOUT ROWID;
