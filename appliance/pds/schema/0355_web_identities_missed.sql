-- For data of the hour in which 0351 was there and 0332 not yet: its number was passed over.
CREATE TABLE IF NOT EXISTS web_identity (
    did TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
