-- What was counted and measured, day by day: for charts, and for how long the disk will do.
CREATE TABLE daily_figure (
    day   TEXT NOT NULL,            -- YYYY-MM-DD, UTC
    name  TEXT NOT NULL,
    value INTEGER NOT NULL,         -- of a day gone by: the last of that day
    PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;
