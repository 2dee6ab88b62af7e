-- The feeds that this network offers, by the last part of their address. A rule is JSON
-- (internal.hearth.feeds.defs#feed).
CREATE TABLE feed (
    name TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row once the first feeds were offered: an operator may have removed them since.
CREATE TABLE feeds_begun (
    only INTEGER PRIMARY KEY CHECK (only = 1)
) STRICT;
