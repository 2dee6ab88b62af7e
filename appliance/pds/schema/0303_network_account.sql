-- The account of the network itself: in its name labels are put and feeds are offered.
-- At most one row.
CREATE TABLE IF NOT EXISTS network_account (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    did TEXT NOT NULL
) STRICT;
