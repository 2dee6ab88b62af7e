"""The rules of did:plc: what an operation is, and which may follow others.

https://web.plc.directory/spec/v0.1/did-plc
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import InvalidKey, PublicKey
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc import (
    RECOVERY_WINDOW_US,
    cid_of,
    did_for,
    normalize,
    unsigned_bytes,
)
from appliance.atproto.syntax import Datetime, Did, JsonObject

Shape: TypeAlias = Mapping[str, Callable[[Any], bool]]

# The public directory's limits for what it takes in; old logs may exceed them.
MAX_OPERATION_BYTES: Final = 7500
MAX_ENTRIES: Final = 10
MAX_ALIAS_LENGTH: Final = 258
MAX_ID_LENGTH: Final = 32
MAX_SERVICE_TYPE_LENGTH: Final = 256
MAX_ENDPOINT_LENGTH: Final = 512
MAX_DID_KEY_LENGTH: Final = 256

_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{86}", re.ASCII)
_ANY_DID_KEY: Final = re.compile(r"did:key:z[1-9A-HJ-NP-Za-km-z]+", re.ASCII)


class MisorderedOperation(InvalidOperation):
    """The operation does not follow what the log holds."""


class LateRecovery(InvalidOperation):
    """The operation would undo one that is older than the recovery window."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One operation as a directory accepted it; created_us: microseconds since 1970, UTC."""

    operation: JsonObject
    cid: Cid
    created_us: int
    nullified: bool = False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_services(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_text_map(item) and item.keys() == {"type", "endpoint"} for item in value.values()
    )


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_null(value: Any) -> bool:
    return value is None


_SHAPES: Final[Mapping[str, Shape]] = {
    "plc_operation": {
        "type": _is_text,
        "rotationKeys": _is_texts,
        "verificationMethods": _is_text_map,
        "alsoKnownAs": _is_texts,
        "services": _is_services,
        "prev": _is_text_or_null,
        "sig": _is_text,
    },
    "plc_tombstone": {"type": _is_text, "prev": _is_text, "sig": _is_text},
    "create": {
        "type": _is_text,
        "signingKey": _is_text,
        "recoveryKey": _is_text,
        "handle": _is_text,
        "service": _is_text,
        "prev": _is_null,
        "sig": _is_text,
    },
}


def check_shape(operation: Any) -> JsonObject:
    """Return a value if it is a signed operation of a known type, with no field too many.

    Raises InvalidOperation, naming the field.
    """
    kind = operation.get("type") if isinstance(operation, dict) else None
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None or not isinstance(operation, dict):
        raise InvalidOperation("not an operation: type must be plc_operation or plc_tombstone")
    for name, accepts in shape.items():
        if name not in operation:
            raise InvalidOperation(f"the operation lacks {name!r}")
        if not accepts(operation[name]):
            raise InvalidOperation(f"the operation's {name!r} is malformed")
    for name in operation:
        if name not in shape:
            raise InvalidOperation(f"an operation has no field {str(name)[:64]!r}")
    return operation


def validate_operation(operation: Any) -> None:
    """Check an operation that is submitted now: shape, size, and the limits of its parts.

    Not checked: signature, order. The legacy "create" is refused, as no directory takes it any
    more. Raises InvalidOperation.
    """
    check_shape(operation)
    if operation["type"] == "create":
        raise InvalidOperation("operations of the legacy type 'create' are no longer accepted")
    if len(cbor.encode(operation)) > MAX_OPERATION_BYTES:
        raise InvalidOperation(f"the operation is larger than {MAX_OPERATION_BYTES} bytes")
    if operation["type"] == "plc_operation":
        _check_rotation_keys(operation["rotationKeys"])
        _check_aliases(operation["alsoKnownAs"])
        _check_services(operation["services"])
        _check_verification_methods(operation["verificationMethods"])


def _limit(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise InvalidOperation(f"{what}: {size} is more than {limit}")


def _check_rotation_keys(keys: Sequence[str]) -> None:
    _limit("number of rotationKeys", len(keys), MAX_ENTRIES)
    if not keys:
        raise InvalidOperation("there must be a rotation key")
    if len(set(keys)) != len(keys):
        raise InvalidOperation("a rotation key stands there twice")
    for key in keys:
        _limit("length of a rotation key", len(key), MAX_DID_KEY_LENGTH)
        if not key.startswith("did:key:"):
            raise InvalidOperation("a rotation key must be a did:key")
        try:
            PublicKey.parse(key)
        except InvalidKey:
            raise InvalidOperation("a rotation key must be a K-256 or P-256 did:key") from None


def _check_aliases(aliases: Sequence[str]) -> None:
    _limit("number of alsoKnownAs", len(aliases), MAX_ENTRIES)
    if len(set(aliases)) != len(aliases):
        raise InvalidOperation("an alsoKnownAs entry stands there twice")
    for alias in aliases:
        _limit("length of an alsoKnownAs entry", len(alias), MAX_ALIAS_LENGTH)


def _check_services(services: Mapping[str, Mapping[str, str]]) -> None:
    _limit("number of services", len(services), MAX_ENTRIES)
    for name, service in services.items():
        _limit("length of a service id", len(name), MAX_ID_LENGTH)
        _limit("length of a service type", len(service["type"]), MAX_SERVICE_TYPE_LENGTH)
        _limit("length of a service endpoint", len(service["endpoint"]), MAX_ENDPOINT_LENGTH)


def _check_verification_methods(methods: Mapping[str, str]) -> None:
    _limit("number of verificationMethods", len(methods), MAX_ENTRIES)
    for name, key in methods.items():
        _limit("length of a verification method id", len(name), MAX_ID_LENGTH)
        _limit("length of a verification method", len(key), MAX_DID_KEY_LENGTH)
        if not _ANY_DID_KEY.fullmatch(key):
            raise InvalidOperation("a verification method must be a did:key")


def signer_of(operation: JsonObject, allowed: Sequence[str]) -> str:
    """Return which of the allowed did:keys signed an operation. Raises InvalidOperation.

    The signature must be canonical: base64url without padding, 64 bytes, low-S.
    """
    signature = _decode_signature(operation["sig"])
    signed = unsigned_bytes(operation)
    for text in allowed:
        try:
            key = PublicKey.parse(text)
        except InvalidKey:
            continue  # old logs hold keys of other kinds; nothing can be signed by them
        if key.verify(signed, signature):
            return text
    raise InvalidOperation("the signature is not by a key that may sign this operation")


def _decode_signature(text: str) -> bytes:
    if not _SIGNATURE.fullmatch(text):
        raise InvalidOperation("the signature must be 64 bytes in base64url without padding")
    raw = urlsafe_b64decode(text + "==")
    if urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
        raise InvalidOperation("the signature's unused bits must be zero")
    return raw


def check_genesis(did: str, operation: JsonObject) -> None:
    """Check that an operation creates this DID. Raises InvalidOperation."""
    if operation["type"] == "plc_tombstone" or operation["prev"] is not None:
        raise MisorderedOperation("the first operation must create the DID: prev must be null")
    signer_of(operation, normalize(operation)["rotationKeys"])
    expected = did_for(operation)
    if expected != did:
        raise InvalidOperation(f"the operation creates {expected}, not this DID")


def check_next(
    did: str, log: Sequence[LogEntry], operation: JsonObject, created_us: int
) -> tuple[Cid, ...]:
    """Check that an operation may follow a log; return the CIDs of those it nullifies.

    log: the operations now valid, oldest first, each of them checked before.
    A key may undo, within 72 hours, what a key listed after it has signed.

    Raises InvalidOperation (MisorderedOperation, LateRecovery among them).
    """
    if not log:
        check_genesis(did, operation)
        return ()
    index = _index_of_prev(log, operation)
    before, undone = log[index], log[index + 1 :]
    if before.operation["type"] == "plc_tombstone":
        raise MisorderedOperation("nothing may follow a tombstone")
    keys: list[str] = normalize(before.operation)["rotationKeys"]
    if not undone:
        signer_of(operation, keys)
        return ()
    disputed = keys.index(signer_of(undone[0].operation, keys))
    signer_of(operation, keys[:disputed])
    if created_us <= log[-1].created_us:
        raise MisorderedOperation("the operation is older than those it would undo")
    if created_us - undone[0].created_us > RECOVERY_WINDOW_US:
        raise LateRecovery("what this operation would undo is older than 72 hours")
    return tuple(entry.cid for entry in undone)


def _index_of_prev(log: Sequence[LogEntry], operation: JsonObject) -> int:
    prev = operation["prev"]
    for index, entry in enumerate(log):
        if prev == str(entry.cid):
            return index
    raise MisorderedOperation("prev does not name an operation of this DID that is valid now")


def validate_log(did: Did, audit: Sequence[JsonObject]) -> list[LogEntry]:
    """Check a whole audit log as a directory gives it; return the operations valid now.

    Checks every shape, CID, signature, the order, the recovery rules, and that the entries are
    marked as nullified exactly where they are. The last entry returned is the state of the DID; it
    may be a tombstone. https://web.plc.directory/api/redoc#operation/GetPlcAuditLog

    Raises InvalidOperation.
    """
    valid: list[LogEntry] = []
    nullified: set[Cid] = set()
    for item in audit:
        entry = _parse_entry(did, item)
        undone = frozenset(check_next(did, valid, entry.operation, entry.created_us))
        nullified |= undone
        valid = [kept for kept in valid if kept.cid not in undone]
        valid.append(replace(entry, nullified=False))
    if not valid:
        raise InvalidOperation("the log is empty")
    for item in audit:
        if item.get("nullified") is not (cid_of(item["operation"]) in nullified):
            raise InvalidOperation("the log marks the wrong operations as nullified")
    return valid


def _parse_entry(did: str, item: JsonObject) -> LogEntry:
    operation = check_shape(item.get("operation"))
    cid = cid_of(operation)
    if item.get("did") != did or item.get("cid") != str(cid):
        raise InvalidOperation("a log entry does not match its operation")
    try:
        created_us = Datetime(item["createdAt"]).to_us()
    except (KeyError, TypeError, ValueError):
        raise InvalidOperation("a log entry has no valid createdAt") from None
    return LogEntry(operation, cid, created_us, item.get("nullified") is True)
