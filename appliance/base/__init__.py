"""The ground under every role; it knows nothing of the protocol.

Read in this order: `database` (one SQLite file, one writer thread, group commit) with `migrations`,
`workers` (named background loops), `http` (guarded requests to the outside, with `addresses`, the
rules about where they may go), `clock`, `passwords`, `pages` (templates and static files) with
`strings` (every word of them) and `browsers` (what a request for one has to pass), `logs`.
"""
