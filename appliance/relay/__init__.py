"""The relay: follow PDS hosts, verify what they say, and tell it on with numbers of our own.

- `hosts`, `accounts`, `bans`, `quarantine`, `repairs`, `repo_collections`: what we know; SQL
- `policy`, `admission`, `friends`, `peers`, `rates`: which hosts we take, and how much of them
- `ingest`: a batch of frames from one host: check, note the new state, append
- `lookups`, `judgement`: who its accounts are; what is right or wrong with one event, inside the
  transaction
- `crawler`, `ways`: one follower per active host, and the way to it
- `repair`, `reconcile`: ask hosts where accounts stand, when something is odd and now and then
- `moderation`: what the operator decides
- `upstream`: whether relays above us see us; `jetstream`: the same log as JSON
- `role`, `app`, `metrics`: the parts above, built once, served and counted
- `xrpc`: the methods

https://atproto.com/specs/sync
"""
