-- The newest generation of a grant's tokens that was seen in a call: its app has had the answer.

ALTER TABLE oauth_grant ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
