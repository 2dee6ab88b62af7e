"""The authorization server: how apps are let in by OAuth, and what they may then do.

- clients: what an app says of itself; client_ids: its name; client_registry: fetched and kept;
  client_auth: proved
- pushing: what may be asked for; requests: what was asked and waits for a member
- grants: what members gave; tokens: how tokens are written; token_desk: where they are had
- dpop: proofs of a key; seen: what must not come twice; metadata; errors; server: the whole
- permissions: all that one app may do; permissions_kinds: the kinds; permissions_syntax: the text
- permission_sets: the sets of permissions that lexicons publish, kept
- consent: what a member is asked, in plain words

https://atproto.com/specs/oauth
"""
