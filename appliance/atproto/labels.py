"""Signed labels, version 1: what a labeler says of an account or a record.

https://atproto.com/specs/label
"""

from base64 import b64encode
from typing import Final

from appliance.atproto import cbor
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.syntax import JsonObject

VERSION: Final = 1
LABEL_KEY: Final = "#atproto_label"
LABELER: Final = "#atproto_labeler"

_SIGNED: Final = ("ver", "src", "uri", "cid", "val", "neg", "cts", "exp")


def signed_bytes(label: JsonObject) -> bytes:
    """Return what a signature signs: the label's fields without `sig`, in DAG-CBOR."""
    return cbor.encode({name: label[name] for name in _SIGNED if label.get(name) is not None})


def sign(label: JsonObject, key: PrivateKey) -> JsonObject:
    """Return the label with version and signature; `sig` is bytes, as in an event stream."""
    versioned = {"ver": VERSION, **label}
    return {**versioned, "sig": key.sign(signed_bytes(versioned))}


def is_signed_by(label: JsonObject, key: PublicKey) -> bool:
    """Tell whether a label (`sig` in bytes) has a sound signature by this key."""
    signature = label.get("sig")
    if label.get("ver") != VERSION or not isinstance(signature, bytes):
        return False
    try:
        return key.verify(signed_bytes(label), signature)
    except ValueError:
        return False


def as_json(label: JsonObject) -> JsonObject:
    """Return a label as JSON shows it: the signature in base64."""
    signature = label.get("sig")
    if not isinstance(signature, bytes):
        return label
    return {**label, "sig": {"$bytes": b64encode(signature).rstrip(b"=").decode()}}
