-- The event log; kept word for word alike in the schemas of the PDS and of the relay, and read and
-- written by appliance/firehose/event_log.py alone.

CREATE TABLE event (
    -- AUTOINCREMENT: a number is never given twice, also after its row is gone.
    seq INTEGER PRIMARY KEY AUTOINCREMENT CHECK (seq > 0),
    did TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('commit', 'sync', 'identity', 'account')),
    -- When it was appended, microseconds since 1970.
    time_us INTEGER NOT NULL,
    -- The whole frame as subscribers get it, its seq included.
    frame BLOB NOT NULL
) STRICT;

-- An account that is deleted takes its events with it.
CREATE INDEX event_by_did ON event (did);
