-- How many came by a starter pack, and how many of late, is counted without reading their profiles.
DROP INDEX profile_joined_via;
CREATE INDEX profile_joined_via ON profile (joined_via_id, indexed_us)
    WHERE joined_via_id IS NOT NULL;
-- Thousands of notifications of other kinds are passed over without reading them.
DROP INDEX notification_by_target;
CREATE INDEX notification_by_target ON notification (target_id, sort_us, id, reason);
DROP INDEX notification_in_words;
CREATE INDEX notification_in_words ON notification (target_id, sort_us, id, reason)
    WHERE reason IN ('mention', 'quote', 'reply');
