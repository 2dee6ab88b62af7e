-- A takedown with an end: until then the account is suspended. NULL = without an end, or none.
ALTER TABLE account ADD COLUMN suspended_until INTEGER;     -- microseconds

CREATE INDEX account_suspended_until ON account (suspended_until)
WHERE suspended_until IS NOT NULL;
