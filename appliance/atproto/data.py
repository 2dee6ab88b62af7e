"""The data model in JSON: how links, bytes and blob references look there.

https://atproto.com/specs/data-model
"""

import re
from base64 import b64encode
from binascii import Error as InvalidBase64
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from appliance.atproto import cbor
from appliance.atproto.cbor import MAX_DEPTH, Value
from appliance.atproto.cid import RAW, Cid, InvalidCid
from appliance.atproto.syntax import Json, JsonObject

# The integers that every JSON implementation keeps exact.
MAX_INTEGER: Final = (1 << 53) - 1

# An unfinished string reaches to the end, so that no input is scanned twice.
_STRINGS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
# What stands before the 36 bytes of a link: tag 42, a byte string of 37, a zero.
_LINK: Final = b"\xd8\x2a\x58\x25\x00"
_BLOB_FIELDS: Final = frozenset(("$type", "ref", "mimeType", "size"))


class InvalidData(ValueError):
    """The JSON is malformed, or says something the data model cannot hold."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A record's reference to a blob: its hash, what it claims to be, and its bytes in number."""

    cid: Cid
    mime_type: str
    size: int


def loads(body: bytes) -> Json:
    """Parse JSON, refusing deep nesting before the parser sees it; raise InvalidData."""
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _nests_too_deep(body):
        raise InvalidData(f"JSON nested deeper than {MAX_DEPTH} levels")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise InvalidData(f"malformed JSON: {problem}") from None


def dumps(value: Json) -> bytes:
    """Write JSON; raise InvalidData for what JSON cannot say."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as problem:
        raise InvalidData(f"not JSON: {problem}") from None


def _nests_too_deep(body: bytes) -> bool:
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _ALL_BUT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        else:
            depth -= 1
    return False


def from_json(value: Json) -> Value:
    """Turn JSON into a value of the data model: `$link` to Cid, `$bytes` to bytes.

    Integral floats become integers. Raises InvalidData for other floats, integers beyond 53 bits,
    malformed links, bytes and blob references, bad `$type`s, and nesting deeper than 64 levels.
    """
    return _from_json(value, MAX_DEPTH)


def record_from_json(value: Json) -> dict[str, Value]:
    """Turn JSON into a record, which is always an object; raise InvalidData as `from_json`."""
    record = from_json(value)
    if type(record) is not dict:
        raise InvalidData("a record must be an object")
    return record


def _from_json(value: Json, levels: int) -> Value:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return _checked_integer(value)
    if kind is float:
        if not value.is_integer():
            raise InvalidData("a number with a fraction; the data model has integers only")
        return _checked_integer(int(value))
    if not levels:
        raise InvalidData(f"nested deeper than {MAX_DEPTH} levels")
    if kind is list:
        return [_from_json(item, levels - 1) for item in value]
    if kind is dict:
        return _object_from_json(value, levels - 1)
    raise InvalidData(f"JSON has no form for {kind.__name__}")


def _checked_integer(number: int) -> int:
    if not -MAX_INTEGER <= number <= MAX_INTEGER:
        raise InvalidData("an integer beyond 53 bits")
    return number


def _object_from_json(value: JsonObject, levels: int) -> Value:
    if "$link" in value:
        return _link(value)
    if "$bytes" in value:
        return _bytes(value)
    converted = {key: _from_json(item, levels) for key, item in value.items()}
    if "$type" in value:
        name = value["$type"]
        if type(name) is not str or not name:
            raise InvalidData("$type must be a text that is not empty")
        if name == "blob":
            _check_blob(converted)
    return converted


def _link(value: JsonObject) -> Cid:
    if len(value) != 1:
        raise InvalidData("$link stands beside other fields")
    try:
        return Cid.parse(value["$link"])
    except InvalidCid as problem:
        raise InvalidData(f"$link: {problem}") from None


def _bytes(value: JsonObject) -> bytes:
    text = value["$bytes"]
    if len(value) != 1:
        raise InvalidData("$bytes stands beside other fields")
    if type(text) is not str:
        raise InvalidData("$bytes must be base64 text")
    padded = text if text.endswith("=") else text + "=" * (-len(text) % 4)
    try:
        return a2b_base64(padded, strict_mode=True)
    except (InvalidBase64, ValueError):
        raise InvalidData("$bytes must be base64 text") from None


def _check_blob(value: dict[str, Value]) -> None:
    ref = value.get("ref")
    mime_type = value.get("mimeType")
    size = value.get("size")
    if type(ref) is not Cid or ref.codec != RAW:
        raise InvalidData("a blob's ref must be a link to raw bytes")
    if type(mime_type) is not str or not mime_type:
        raise InvalidData("a blob's mimeType must be a text that is not empty")
    if type(size) is not int or size < 0:
        raise InvalidData("a blob's size must be a number of bytes")
    if value.keys() != _BLOB_FIELDS:
        raise InvalidData("a blob has fields other than ref, mimeType and size")


def to_json(value: Value) -> Json:
    """Turn a value of the data model into JSON: Cid to `$link`, bytes to `$bytes`."""
    kind = type(value)
    if kind is dict:
        return {key: to_json(item) for key, item in value.items()}
    if kind is list:
        return [to_json(item) for item in value]
    if kind is Cid:
        return {"$link": str(value)}
    if kind is bytes:
        return {"$bytes": b64encode(value).decode().rstrip("=")}
    return value


def record_json(block: bytes) -> Json:
    """Turn a stored record's DAG-CBOR into its JSON value; raise InvalidCbor."""
    if cbor.decode_json is not None:
        return cbor.decode_json(block)
    return to_json(cbor.decode(block))


def cid_texts(cids: Sequence[bytes]) -> list[str]:
    """Write many CIDs at once, as `str` writes each of them; the codec in C is faster at it."""
    if cbor.decode_json is None or not cids:
        return [str(Cid(cid)) for cid in cids]
    size = len(cids)
    head = bytes((0x80 | size,)) if size < 24 else b"\x99" + size.to_bytes(2)
    if 24 <= size < 256:
        head = bytes((0x98, size))
    links: list[dict[str, str]] = cbor.decode_json(head + _LINK + _LINK.join(cids))
    return [link["$link"] for link in links]


def find_blobs(value: Value) -> list[BlobRef]:
    """List the blob references in a record, in order and with repetitions."""
    return list(_blobs_in(value))


def _blobs_in(value: Value) -> Iterator[BlobRef]:
    if type(value) is list:
        for item in value:
            yield from _blobs_in(item)
    elif type(value) is dict:
        ref = _blob_ref(value)
        if ref is not None:
            yield ref
            return
        for item in value.values():
            yield from _blobs_in(item)


def _blob_ref(value: dict[str, Value]) -> BlobRef | None:
    if value.get("$type") != "blob":
        return None
    ref, mime_type, size = value.get("ref"), value.get("mimeType"), value.get("size")
    if type(ref) is Cid and type(mime_type) is str and type(size) is int:
        return BlobRef(ref, mime_type, size)
    return None
