-- Where such an account lives when it has moved away, and by which key it signs there. Its handle
-- stays its own: the document is made from here even when nothing else of it is left.
ALTER TABLE web_identity ADD COLUMN pds_url TEXT;
ALTER TABLE web_identity ADD COLUMN signing_key TEXT;   -- did:key
ALTER TABLE web_identity ADD COLUMN handle TEXT;
CREATE UNIQUE INDEX web_identity_handle ON web_identity (handle) WHERE handle IS NOT NULL;
