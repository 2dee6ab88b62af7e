-- The permission sets that members granted to apps, as their authorities published them last: while
-- an authority is away, sessions that were granted its set go on.
CREATE TABLE IF NOT EXISTS permission_set (
    nsid TEXT PRIMARY KEY,
    definition TEXT NOT NULL, -- the main definition of the lexicon, JSON
    fetched_at INTEGER NOT NULL -- microseconds
) STRICT, WITHOUT ROWID;
