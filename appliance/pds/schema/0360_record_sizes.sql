-- What the records of each repo take, as it was when they were last added up: the storage page
-- reads this instead of every record.
CREATE TABLE record_size (
    repo    INTEGER PRIMARY KEY,
    rev     TEXT NOT NULL,          -- of the repo then; while it is the repo's, nothing has changed
    records INTEGER NOT NULL,
    bytes   INTEGER NOT NULL
) STRICT;
