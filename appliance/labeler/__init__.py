"""The network's labeler: what its operator says of accounts and records, signed and streamed.

A role of its own: it holds the key for labels and no other, and stands behind the name that the
network's DID document gives for `#atproto_labeler`. A network that uses another labeler names
that there instead, and our AppView follows it by the same stream.
"""
