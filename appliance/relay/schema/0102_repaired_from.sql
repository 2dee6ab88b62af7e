-- The rev at which the stream stood when a repair went past it; null once the stream is there too.
-- Empty where the stream had told of no commit yet.
ALTER TABLE account ADD COLUMN repaired_from TEXT;
