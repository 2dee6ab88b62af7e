"""The AppView: an index over the relay's stream, and the views that are made of it.

Writing: `ingest` follows the relay; `event_indexer` applies events; `indexer` gives each record to
its family in `index/`; `records` is what travels between them. `actors` knows accounts,
`identities` their handles; `backfill` brings whole repos (`repo_fetch`, from `repo_hosts`),
`reconcile` finds out which; `notifications` are made on the way, by `arrivals`, and `subscribers`
are told. `indexed_revs` lets readers wait for their own writes.

Reading: `skeletons/` (ids) -> `hydrate/` (rows) -> `filters` -> `views/` (lexicon JSON), joined by
`pipeline` and called from `xrpc/`. `viewer_state` is what only we know of our viewers;
`viewer_tokens` says who they are; `media` makes the addresses of pictures.

Pictures: `images` (checks, cache), `image_pool` and `image_decoder` (a confined child process),
`blobs` (the bytes as they are).

`role` builds it all once, `app` serves it, `maintenance` tidies. Two databases: `schema/` may be
dropped and filled again; `schema_viewers/` is precious.
"""
