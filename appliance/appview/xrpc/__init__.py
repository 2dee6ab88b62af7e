"""The methods the AppView answers, one module per namespace; `auth` says for whom.

A namespace that would be too long is split by a suffix. `lookups` turns what a request names
(handles, DIDs, addresses) into ids, or into the error the client is told.
"""
