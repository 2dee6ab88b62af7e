"""The protocol as specified; it knows nothing of this appliance and, at its core, does no I/O.

Read in this order: `syntax` (identifiers and string formats), `tid`, `cid`; `cbor` (DAG-CBOR, by C
where it is installed) with `cbor_python`, its definition; `data` (the same values as JSON), `car`;
`curves` and `crypto` (keys), `jwt`. On these stand the packages `repo` (tree, commits, proofs),
`lexicon` (schemas), `identity` (DIDs and handles) and `xrpc` (server, client, event frames).
"""
