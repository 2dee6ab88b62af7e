-- What became of a report, whose reports are not listened to, and every act of the operator.
ALTER TABLE report ADD COLUMN closed_at INTEGER;                -- NULL = open
ALTER TABLE report ADD COLUMN outcome TEXT NOT NULL DEFAULT ''; -- the operator's note

CREATE INDEX report_open ON report (id) WHERE closed_at IS NULL;

CREATE TABLE muted_reporter (
    did TEXT PRIMARY KEY,
    muted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_act (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,                    -- panel, command, or token: whoever holds it
    method TEXT NOT NULL,
    about TEXT NOT NULL                     -- JSON: what was asked, without secrets
) STRICT;
