"""The relay: follow PDS hosts, verify what they say, and tell it on with numbers of our own.

- `hosts`, `accounts`: what we know of each; SQL
- `policy`: which hosts we take
- `ingest`: a batch of frames from one host: check, note the new state, append
- `judgement`: what is right or wrong with one event, inside the transaction
- `crawler`: one follower per active host
- `role`, `app`: the parts above, built once and served
- `xrpc`: the methods

https://atproto.com/specs/sync
"""
