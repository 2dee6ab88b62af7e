-- 1 = fetched ahead of the stream: shown and told of already, indexed anew once the stream is there.
ALTER TABLE record ADD COLUMN early INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_early ON record (actor_id) WHERE early = 1;
