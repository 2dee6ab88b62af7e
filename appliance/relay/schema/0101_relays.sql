-- 1: another relay, that passes on the accounts of hosts we do not follow ourselves.
ALTER TABLE host ADD COLUMN is_relay INTEGER NOT NULL DEFAULT 0 CHECK (is_relay IN (0, 1));
