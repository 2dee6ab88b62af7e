-- Members who let themselves be shown on the front page of the network, to everybody.
CREATE TABLE front_page (
    did TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
