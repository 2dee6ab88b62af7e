-- What stands: the newest label of each subject and value. The stream below has all that was said.
CREATE TABLE label (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL,               -- a DID, or the at:// URI of a record
    val TEXT NOT NULL,
    neg INTEGER NOT NULL,            -- 1: taken back
    cts_us INTEGER NOT NULL,         -- microseconds since 1970
    exp_us INTEGER,                  -- NULL: does not expire
    label TEXT NOT NULL,             -- as JSON, signature and all
    UNIQUE (uri, val)
) STRICT;

-- The network's own kinds of labels, as JSON (com.atproto.label.defs#labelValueDefinition).
CREATE TABLE definition (
    identifier TEXT PRIMARY KEY,
    definition TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO definition (identifier, definition) VALUES
    ('spam', '{"identifier":"spam","severity":"inform","blurs":"content","defaultSetting":"hide","locales":[{"lang":"en","name":"Spam","description":"Unwanted, repeated, or there to sell something."}]}'),
    ('rude', '{"identifier":"rude","severity":"inform","blurs":"content","defaultSetting":"warn","locales":[{"lang":"en","name":"Rude","description":"Mean or insulting to others."}]}');

-- The event log, read and written by appliance/firehose/event_log.py alone.
CREATE TABLE event (
    -- AUTOINCREMENT: a number is never given twice.
    seq INTEGER PRIMARY KEY AUTOINCREMENT CHECK (seq > 0),
    did TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind = 'labels'),
    -- When it was appended, microseconds since 1970.
    time_us INTEGER NOT NULL,
    -- The whole frame as subscribers get it, its seq included.
    frame BLOB NOT NULL
) STRICT;
CREATE INDEX event_by_did ON event (did);
