-- The handle that the document names when it is another than the one that is kept here.
ALTER TABLE web_identity ADD COLUMN named TEXT;
