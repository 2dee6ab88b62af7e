-- Which AppView a member uses, where it is not the one of this server.

CREATE TABLE IF NOT EXISTS appview_choice (
    did TEXT PRIMARY KEY,
    appview TEXT NOT NULL                   -- 'local', 'any', or did#service
) STRICT, WITHOUT ROWID;
