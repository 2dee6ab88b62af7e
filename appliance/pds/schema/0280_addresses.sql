-- Under which addresses this server has been known: whose identity still names one, is to be told of the newest.

CREATE TABLE own_address (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    url     TEXT NOT NULL,              -- as DID documents name it, without a slash at the end
    domains TEXT NOT NULL,              -- what handles ended in, separated by spaces
    settled INTEGER NOT NULL DEFAULT 0  -- 1 = every account's identity names it, as far as can be
) STRICT;

CREATE UNIQUE INDEX own_address_url ON own_address (url, domains);
