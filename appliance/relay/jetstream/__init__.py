"""Jetstream: the relay's log as JSON, for the bots of everybody.

`items` (what a commit, identity or account event looks like), `filters` (who wants which),
`tape` (the log translated once for all), `compression` (zstd with the public dictionaries),
`legacy` (/subscribe, the first dialect), `events` (network.bsky.jetstream.subscribeEvents).
"""
