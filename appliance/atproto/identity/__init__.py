"""Identity: who a DID or a handle is, verified both ways.

- `did_doc`: read a DID document: handle, signing key, services
- `plc`: make and sign did:plc operations, render DID documents
- `plc_client`: ask a directory, hand operations in
- `plc_log`: the rules by which an operation may follow others
- `resolver`: DID or handle to identity, cached
- `names`: handles to DIDs, by DNS, HTTPS, or our own hosts
- `memory`: remember answers for a time, look each thing up once at a time
- `errors`: what can go wrong
"""
