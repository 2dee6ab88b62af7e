"""Prepare writes: check a record by lexicon, key, size and blobs before any database sees it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from appliance.atproto import cbor, data
from appliance.atproto.cbor import Value
from appliance.atproto.cid import Cid
from appliance.atproto.data import BlobRef
from appliance.atproto.syntax import AtUri, Did, Json, JsonObject, Nsid, RecordKey
from appliance.atproto.tid import Tid
from appliance.pds import records
from appliance.pds.lexicons import Lexicons
from appliance.pds.records import RecordRow

MAX_WRITES: Final = 200
MAX_RECORD_BYTES: Final = 1_000_000

Action: TypeAlias = Literal["create", "update", "put", "delete", "discard"]
ValidationStatus: TypeAlias = Literal["valid", "unknown"]


class InvalidWrite(ValueError):
    """A write that can not be made, whatever the repo holds."""

    xrpc_name = "InvalidRequest"


class InvalidMimeType(ValueError):
    """A blob is of a type that its place in the record does not take, or not of the type said."""

    xrpc_name = "InvalidMimeType"

    def __init__(self, cid: Cid, found: str, expected: Sequence[str]) -> None:
        super().__init__(f"Blob {cid} is {found}, expected {' or '.join(expected)}")


class InvalidSize(ValueError):
    """A record names a blob with another size than it has."""

    xrpc_name = "InvalidSize"

    def __init__(self, cid: Cid, said: int, found: int) -> None:
        super().__init__(f"Blob {cid} has {found} bytes, not {said}")


class UnknownRecordType(ValueError):
    """Validation is asked for, and nobody here knows the lexicon."""

    xrpc_name = "InvalidRequest"

    def __init__(self, collection: str) -> None:
        super().__init__(f"Unknown lexicon type: {collection}")


@dataclass(frozen=True, slots=True)
class BlobClaim:
    """A record's need of a blob; `max_size` is what the record's lexicon allows, in bytes."""

    blob: BlobRef
    max_size: int | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be in the record's place before the write; None means nothing may be there."""

    cid: Cid | None


@dataclass(frozen=True, slots=True)
class PreparedWrite:
    """A write that needs nothing more but the repo.

    create: the key must be free; update, delete: the record must be there; put: creates or
    updates, and changes nothing if the content is the same; discard: deletes what is there.
    """

    action: Action
    uri: AtUri
    path: str
    row: RecordRow | None = None
    claims: tuple[BlobClaim, ...] = ()
    status: ValidationStatus | None = None
    expected: Expected | None = None
    replaces_same_subject: bool = False


class WritePreparer:
    """Turn what a client sends into writes. Pure: nothing is read or written here."""

    def __init__(self, lexicons: Lexicons, next_key: Callable[[], Tid]) -> None:
        self._lexicons = lexicons
        self._next_key = next_key

    def create(
        self,
        did: Did,
        collection: Nsid,
        rkey: RecordKey | None,
        record: Json,
        validate: bool | None,
    ) -> PreparedWrite:
        """Prepare a new record; without a key it gets the next TID.

        Raises InvalidWrite, InvalidData, InvalidRecord, UnknownRecordType or InvalidMimeType.
        """
        key = RecordKey.unchecked(self._next_key()) if rkey is None else rkey
        return self._record("create", did, (collection, key), record, validate)

    def create_replacing(
        self,
        did: Did,
        collection: Nsid,
        rkey: RecordKey | None,
        record: Json,
        validate: bool | None,
    ) -> PreparedWrite:
        """Prepare a new record which takes the place of older ones with the same subject."""
        write = self.create(did, collection, rkey, record, validate)
        if write.row is None or write.row.subject is None or validate is False:
            return write
        return replace(write, replaces_same_subject=True)

    def put(
        self,
        did: Did,
        place: tuple[Nsid, RecordKey],
        record: Json,
        validate: bool | None,
        expected: Expected | None = None,
    ) -> PreparedWrite:
        write = self._record("put", did, place, record, validate)
        return replace(write, expected=expected)

    def update(
        self, did: Did, place: tuple[Nsid, RecordKey], record: Json, validate: bool | None
    ) -> PreparedWrite:
        return self._record("update", did, place, record, validate)

    def delete(self, did: Did, collection: Nsid, rkey: RecordKey) -> PreparedWrite:
        uri = AtUri.make(did, collection, rkey)
        return PreparedWrite("delete", uri, f"{collection}/{rkey}")

    def discard(
        self, did: Did, collection: Nsid, rkey: RecordKey, expected: Expected | None = None
    ) -> PreparedWrite:
        uri = AtUri.make(did, collection, rkey)
        return PreparedWrite("discard", uri, f"{collection}/{rkey}", expected=expected)

    def batch(
        self, did: Did, writes: Sequence[JsonObject], validate: bool | None
    ) -> list[PreparedWrite]:
        """Prepare the writes of an applyWrites, whose shape the lexicon has checked."""
        if len(writes) > MAX_WRITES:
            raise InvalidWrite(f"Too many writes. Max: {MAX_WRITES}")
        return [self._one_of_batch(did, write, validate) for write in writes]

    def _one_of_batch(self, did: Did, write: JsonObject, validate: bool | None) -> PreparedWrite:
        collection = Nsid.unchecked(write["collection"])
        rkey = RecordKey.unchecked(write["rkey"]) if "rkey" in write else None
        match write["$type"].rpartition("#")[2], rkey:
            case "create", _:
                return self.create(did, collection, rkey, write["value"], validate)
            case "update", RecordKey():
                return self.update(did, (collection, rkey), write["value"], validate)
            case "delete", RecordKey():
                return self.delete(did, collection, rkey)
            case kind, _:
                raise InvalidWrite(f"Not a write: {kind}")

    def _record(
        self,
        action: Action,
        did: Did,
        place: tuple[Nsid, RecordKey],
        record: Json,
        validate: bool | None,
    ) -> PreparedWrite:
        collection, rkey = place
        value = data.record_from_json(_with_type(record, collection))
        status = self._check(collection, rkey, value, validate)
        block = cbor.encode(value)
        if len(block) > MAX_RECORD_BYTES:
            raise InvalidWrite(f"Record is larger than {MAX_RECORD_BYTES} bytes")
        if b"mimeType" in block and _has_old_blob(value):
            raise InvalidWrite("Blob references of the old form are not accepted any more")
        uri, path = AtUri.make(did, collection, rkey), f"{collection}/{rkey}"
        row = records.row_of(path, block, value)
        claims = self._claims(collection, value, status)
        return PreparedWrite(action, uri, path, row, claims, status)

    def _check(
        self, collection: Nsid, rkey: RecordKey, value: Value, validate: bool | None
    ) -> ValidationStatus | None:
        if validate is False:
            return None
        validator = self._lexicons.of(collection)
        if not validator.knows_record(collection):
            if validate:
                raise UnknownRecordType(collection)
            return "unknown"
        validator.record(collection, value)
        _check_key(validator.record_key_rule(collection), rkey)
        return "valid"

    def _claims(
        self, collection: Nsid, value: Value, status: ValidationStatus | None
    ) -> tuple[BlobClaim, ...]:
        if status != "valid":  # the lexicon's own limits hold only where the lexicon was applied
            return tuple(BlobClaim(blob, None) for blob in data.find_blobs(value))
        claims = []
        for blob, accept, max_size in self._lexicons.of(collection).blob_rules(collection, value):
            if not any(_accepts(pattern, blob.mime_type) for pattern in accept):
                raise InvalidMimeType(blob.cid, blob.mime_type, accept)
            claims.append(BlobClaim(blob, max_size))
        return tuple(claims)


def _with_type(record: Json, collection: Nsid) -> JsonObject:
    """Fill in a record's missing $type; another one than the collection's is refused."""
    if not isinstance(record, dict):
        raise InvalidWrite("Record must be an object")
    kind = record.get("$type", collection)
    if "$type" not in record:
        return {**record, "$type": str(collection)}
    if kind != collection:
        raise InvalidWrite(f"Invalid $type: expected {collection}, got {kind}")
    return record


def _has_old_blob(value: Value) -> bool:
    """Tell whether there is a blob reference as it was before blobs had a $type."""
    if isinstance(value, dict):
        if value.keys() == {"cid", "mimeType"} and isinstance(value["cid"], str):
            return True
        value = list(value.values())
    return isinstance(value, list) and any(map(_has_old_blob, value))


def _check_key(rule: str, rkey: RecordKey) -> None:
    """Hold a record key against its collection's rule: tid, nsid, any or literal:<key>."""
    kind, _, literal = rule.partition(":")
    try:
        if kind == "tid":
            Tid(rkey)
        elif kind == "nsid":
            Nsid(rkey)
    except ValueError as malformed:
        raise InvalidWrite(f"Invalid record key: expected a {kind}, got {rkey}") from malformed
    if kind == "literal" and rkey != literal:
        raise InvalidWrite(f"Invalid record key: expected {literal}, got {rkey}")


def _accepts(pattern: str, mime_type: str) -> bool:
    """Tell whether a lexicon's pattern ("image/png", "image/*", "*/*") takes a media type."""
    if pattern == "*/*":
        return True
    family, _, kind = pattern.partition("/")
    if kind == "*":
        return mime_type.startswith(f"{family}/")
    return mime_type == pattern
