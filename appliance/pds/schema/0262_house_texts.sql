-- What the owner writes for everybody: the rules of the house, a word of welcome.
CREATE TABLE house_text (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
