"""The official web client before a Hearth, with no internet: every screen, as a member uses it.

`python -m tests.interop.official_client EXPORT` starts a network on loopback that serves the static
export of the client (which is not part of this repository), drives it in headless Chromium that
finds no other machine, and writes what worked to `docs/conformance-client.md`. Nothing the client
asks is answered by anybody but the appliance; what other members do, they do by XRPC
calls of their own.
"""
