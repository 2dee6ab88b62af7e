"""XRPC: methods over HTTP, and event streams over WebSockets.

Read in this order: `errors` (what a client may be told), `methods` (declare what a module
implements), `server` (decode, authenticate, validate, run, encode) with `bodies` and `answers`,
`client` (call another service), `frames` (the messages of a stream),
`service_auth` (tokens between services), `limits` (rate limits).
"""
