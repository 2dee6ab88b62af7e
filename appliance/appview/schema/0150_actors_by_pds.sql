-- Who is at home here: for feeds of members.
CREATE INDEX actor_by_pds ON actor (pds) WHERE pds IS NOT NULL;
