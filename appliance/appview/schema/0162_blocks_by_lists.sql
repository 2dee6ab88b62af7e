-- By which lists an account blocks, the newest first: no more than the newest hundreds count.
CREATE INDEX listblock_by_actor ON listblock (actor_id, sort_us, list_id) WHERE counts = 1;
