"""did:plc: make, sign and name operations, render DID documents.

https://web.plc.directory/spec/v0.1/did-plc
"""

import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import InvalidKey, PrivateKey, PublicKey
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.syntax import Did, JsonObject

RECOVERY_WINDOW_US: Final = 72 * 3600 * 1_000_000

_PLC_DID: Final = re.compile(r"did:plc:[a-z2-7]{24}", re.ASCII)
_CONTEXTS: Final = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
_CURVE_CONTEXTS: Final = {
    "k256": "https://w3id.org/security/suites/secp256k1-2019/v1",
    "p256": "https://w3id.org/security/suites/ecdsa-2019/v1",
}


def is_plc_did(text: str) -> bool:
    return _PLC_DID.fullmatch(text) is not None


def genesis_operation(
    *, rotation_keys: Sequence[str], signing_key: str, handle: str, pds_url: str
) -> JsonObject:
    """Return the unsigned operation that creates an account's DID; keys are did:key texts.

    rotation_keys: the most powerful first.
    """
    return {
        "type": "plc_operation",
        "rotationKeys": list(rotation_keys),
        "verificationMethods": {"atproto": signing_key},
        "alsoKnownAs": [f"at://{handle}"],
        "services": {"atproto_pds": _pds_service(pds_url)},
        "prev": None,
    }


def update_operation(
    last: JsonObject,
    *,
    rotation_keys: Sequence[str] | None = None,
    signing_key: str | None = None,
    handle: str | None = None,
    pds_url: str | None = None,
) -> JsonObject:
    """Return an unsigned operation that follows the signed operation last, changing what is given.

    Other aliases, keys and services stay as they are. The handle takes the place of the first
    at:// alias. Raises InvalidOperation if last is a tombstone.
    """
    if last["type"] == "plc_tombstone":
        raise InvalidOperation("nothing may follow a tombstone")
    updated = {**normalize(last), "prev": str(cid_of(last))}
    del updated["sig"]
    if rotation_keys is not None:
        updated["rotationKeys"] = list(rotation_keys)
    if signing_key is not None:
        updated["verificationMethods"] = {**updated["verificationMethods"], "atproto": signing_key}
    if handle is not None:
        updated["alsoKnownAs"] = _with_handle(updated["alsoKnownAs"], handle)
    if pds_url is not None:
        updated["services"] = {**updated["services"], "atproto_pds": _pds_service(pds_url)}
    return updated


def tombstone_operation(last: JsonObject) -> JsonObject:
    """Return the unsigned operation that ends a DID whose last signed operation is given."""
    return {"type": "plc_tombstone", "prev": str(cid_of(last))}


def _pds_service(url: str) -> JsonObject:
    return {"type": "AtprotoPersonalDataServer", "endpoint": url}


def _with_handle(aliases: Sequence[str], handle: str) -> list[str]:
    first = next((alias for alias in aliases if alias.startswith("at://")), None)
    if first is None:
        return [f"at://{handle}", *aliases]
    return [f"at://{handle}" if alias == first else alias for alias in aliases]


def unsigned_bytes(operation: JsonObject) -> bytes:
    """Return what a signature signs: the operation without sig, in DAG-CBOR."""
    return cbor.encode({name: value for name, value in operation.items() if name != "sig"})


def sign_operation(operation: JsonObject, key: PrivateKey) -> JsonObject:
    """Return the operation with its signature."""
    signature = urlsafe_b64encode(key.sign(unsigned_bytes(operation)))
    unsigned = {name: value for name, value in operation.items() if name != "sig"}
    return {**unsigned, "sig": signature.rstrip(b"=").decode()}


def cid_of(operation: JsonObject) -> Cid:
    """Return the CID of a signed operation, as the next one's prev names it."""
    return Cid.for_block(cbor.encode(operation))


def did_for(operation: JsonObject) -> Did:
    """Return the DID a signed genesis operation creates."""
    digest = b32encode(sha256(cbor.encode(operation)).digest()).decode().lower()
    return Did.unchecked(f"did:plc:{digest[:24]}")


def normalize(operation: JsonObject) -> JsonObject:
    """Return a genesis operation of the legacy type as a regular one; others as they are."""
    if operation["type"] != "create":
        return operation
    service: str = operation["service"]
    if not service.startswith(("http://", "https://")):
        service = f"https://{service}"
    handle = operation["handle"].removeprefix("at://")
    handle = handle.removeprefix("http://").removeprefix("https://")
    return {
        "type": "plc_operation",
        "rotationKeys": [operation["recoveryKey"], operation["signingKey"]],
        "verificationMethods": {"atproto": operation["signingKey"]},
        "alsoKnownAs": [f"at://{handle}"],
        "services": {"atproto_pds": _pds_service(service)},
        "prev": operation["prev"],
        "sig": operation["sig"],
    }


def data_for(did: str, operation: JsonObject) -> JsonObject | None:
    """Return the state a DID has after an operation; None after a tombstone."""
    if operation["type"] == "plc_tombstone":
        return None
    state = normalize(operation)
    names = ("verificationMethods", "rotationKeys", "alsoKnownAs", "services")
    return {"did": did, **{name: state[name] for name in names}}


def document_for(did: str, operation: JsonObject) -> JsonObject | None:
    """Return the DID document after an operation, as directories render it.

    None after a tombstone.
    """
    data = data_for(did, operation)
    if data is None:
        return None
    contexts = list(_CONTEXTS)
    methods = []
    for name, key in data["verificationMethods"].items():
        context = _context_of(key)
        if context is not None and context not in contexts:
            contexts.append(context)
        methods.append(
            {
                "id": f"{did}#{name}",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": key.removeprefix("did:key:"),
            }
        )
    services = [
        {"id": f"#{name}", "type": each["type"], "serviceEndpoint": each["endpoint"]}
        for name, each in data["services"].items()
    ]
    return {
        "@context": contexts,
        "id": did,
        "alsoKnownAs": data["alsoKnownAs"],
        "verificationMethod": methods,
        "service": services,
    }


def _context_of(key: str) -> str | None:
    try:
        return _CURVE_CONTEXTS.get(PublicKey.parse(key).curve)
    except InvalidKey:
        return None
