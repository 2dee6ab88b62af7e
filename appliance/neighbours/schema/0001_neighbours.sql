-- Houses that were paired.
CREATE TABLE neighbour (
    key TEXT PRIMARY KEY,           -- SHA-256 of the certificate, hex
    certificate BLOB NOT NULL,
    name TEXT NOT NULL,
    did TEXT NOT NULL,
    pds TEXT NOT NULL UNIQUE,       -- URL that their members' DID documents name
    domains TEXT NOT NULL,          -- JSON: what handles there end in
    address TEXT NOT NULL,          -- where it was last reached
    port INTEGER NOT NULL,
    paired_us INTEGER NOT NULL,
    seen_us INTEGER                 -- when it last answered
) STRICT;

-- Members of these houses, each with its whole verified log.
CREATE TABLE member (
    did TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES neighbour (key) ON DELETE CASCADE,
    handle TEXT,
    log TEXT NOT NULL,              -- JSON, as the directory there gives it
    checked_us INTEGER NOT NULL
) STRICT;

CREATE INDEX member_handle ON member (handle);
CREATE INDEX member_key ON member (key, did);
