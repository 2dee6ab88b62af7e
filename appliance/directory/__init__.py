"""The did:plc directory inside: the standard PLC interface, for networks that use no other.

- `operations`: the log of operations: SQL, rate limits, who may follow whom
- `role`: Directory, built once
- `app`: the aiohttp Application: the PLC routes and our operator method
- `xrpc`: what the operator may ask
"""
