-- Invites end by themselves, and say whom they were meant for.
ALTER TABLE invite_code ADD COLUMN expires_at INTEGER;          -- NULL = never
ALTER TABLE invite_code ADD COLUMN note TEXT NOT NULL DEFAULT '';
