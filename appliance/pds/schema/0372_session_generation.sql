-- How often sessions of an account were ended from elsewhere: an access token names the number at
-- which it was made, and counts at no other.
ALTER TABLE account ADD COLUMN session_generation INTEGER NOT NULL DEFAULT 0;
