"""The signed head of a repository. https://atproto.com/specs/repository#commit-objects."""

from dataclasses import dataclass

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.tid import Tid

VERSION = 3

_FIELDS = {"did", "version", "data", "rev", "prev", "sig"}


class InvalidCommitObject(ValueError):
    """A block does not have the form of a commit object."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit object. `data` is the root of the tree; `block` is the object as signed."""

    did: Did
    rev: Tid
    data: Cid
    cid: Cid
    block: bytes
    sig: bytes

    def verify(self, key: PublicKey) -> bool:
        """Tell whether this key signed the object."""
        fields = cbor.decode(self.block)
        del fields["sig"]
        return key.verify(cbor.encode_shallow(fields), self.sig)


def sign_commit(did: Did, rev: Tid, data: Cid, key: PrivateKey) -> Commit:
    """Make and sign the commit object which names a tree."""
    fields = {
        "did": str(did),
        "version": VERSION,
        "data": data,
        "rev": str(rev),
        "prev": None,
    }
    sig = key.sign(cbor.encode_shallow(fields))
    block = cbor.encode_shallow({**fields, "sig": sig})
    return Commit(did, rev, data, Cid.for_block(block), block, sig)


def parse_commit(block: bytes) -> Commit:
    """Read a commit object. Does not check its signature. Raises InvalidCommitObject."""
    try:
        fields = cbor.decode(block)
    except ValueError as error:
        raise InvalidCommitObject(f"the commit is not DAG-CBOR: {error}") from error
    if type(fields) is not dict or not fields.keys() >= _FIELDS:
        raise InvalidCommitObject("the commit lacks a field")
    if fields["version"] != VERSION or type(fields["version"]) is not int:
        raise InvalidCommitObject("the commit is not of version 3")
    data, sig, prev = fields["data"], fields["sig"], fields["prev"]
    if type(data) is not Cid or type(sig) is not bytes:
        raise InvalidCommitObject("the commit's data or sig has the wrong type")
    if prev is not None and type(prev) is not Cid:
        raise InvalidCommitObject("the commit's prev is neither null nor a link")
    try:
        did, rev = Did(fields["did"]), Tid(fields["rev"])
    except (InvalidSyntax, TypeError) as error:
        raise InvalidCommitObject(f"the commit's did or rev is malformed: {error}") from error
    return Commit(did, rev, data, Cid.for_block(block), block, sig)
