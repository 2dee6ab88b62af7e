-- Keys that were reserved and never used are forgotten, the oldest first.
CREATE INDEX signing_key_reserved ON signing_key (created_at) WHERE in_use = 0;
