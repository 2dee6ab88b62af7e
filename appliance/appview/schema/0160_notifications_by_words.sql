-- What somebody said to one stands apart from the many likes between: the client has a page for it.
DROP INDEX notification_by_reason;
CREATE INDEX notification_in_words ON notification (target_id, sort_us, id)
    WHERE reason IN ('mention', 'quote', 'reply');
