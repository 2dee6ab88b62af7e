-- What the commands that move accounts have told of themselves last, for panel and status.

CREATE TABLE IF NOT EXISTS move_report (
    did        TEXT PRIMARY KEY,            -- it need not have an account here (yet)
    what       TEXT NOT NULL,               -- export, import, move-in, move-out
    peer       TEXT NOT NULL,               -- URL of the other server, or ''
    step       TEXT NOT NULL,
    done       INTEGER NOT NULL,            -- of this step
    total      INTEGER NOT NULL,            -- of this step; 0 while nobody knows
    state      TEXT NOT NULL,               -- running, waiting, failed, done
    words      TEXT NOT NULL,               -- why it waits or failed, and what to do
    updated_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS move_report_updated ON move_report (updated_us);
