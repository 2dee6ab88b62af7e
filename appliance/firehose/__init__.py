"""The event stream, where the roles meet: write it, serve it, follow it, verify it.

- `events`: #commit, #sync, #identity, #account as values, and their frames
- `event_log`: append in the writer's own transaction, tail from a cursor, prune
- `serve`: com.atproto.sync.subscribeRepos over an event log
- `subscriber`, `seats`, `messages`: one WebSocket, how many there may be, what goes over them
- `follow`: hold a connection to one upstream, resumed where it broke off
- `verify`: the checks a consumer owes an event

https://atproto.com/specs/sync
"""
