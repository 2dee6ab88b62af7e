-- Takedowns are in viewers.sqlite, since they cannot be made again from repos.
ALTER TABLE actor DROP COLUMN takedown;
ALTER TABLE post DROP COLUMN takedown;
ALTER TABLE list DROP COLUMN takedown;
ALTER TABLE starter_pack DROP COLUMN takedown;
ALTER TABLE generator DROP COLUMN takedown;
