-- The refresh token that an app holds from another server, whose grant was taken over; NULL = none.

ALTER TABLE oauth_grant ADD COLUMN adopted_digest TEXT;     -- SHA-256 of it

CREATE UNIQUE INDEX oauth_grant_adopted_digest ON oauth_grant (adopted_digest)
WHERE adopted_digest IS NOT NULL;
