-- Of a house that goes by a public name: the URL under which the same key was found, and when.
ALTER TABLE neighbour ADD COLUMN proved_pds TEXT;
ALTER TABLE neighbour ADD COLUMN proved_us INTEGER;
