-- Repos that were given an older state of themselves while their account was closed: others have
-- seen a later rev, so the next one has to be above it. Gone once the repo is signed anew.

CREATE TABLE announced_rev (
    repo INTEGER PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
    rev  TEXT NOT NULL                      -- the newest that was ever told
) STRICT;
