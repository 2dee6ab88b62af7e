"""DAG-CBOR, strictly: the C codec `cbrrr` where it is installed, else the definition in Python.

Both give the same answer to every input; the tests hold them to it.
"""

from typing import Any, Final

from appliance.atproto import cbor_python
from appliance.atproto.cbor_python import MAX_DEPTH, InvalidCbor, Value
from appliance.atproto.cid import Cid

__all__ = [
    "IMPLEMENTATION",
    "MAX_DEPTH",
    "InvalidCbor",
    "Value",
    "decode",
    "decode_json",
    "decode_prefix",
    "encode",
]


def _installed_codec() -> Any:
    """Return the C codec's module, or None where it is not installed."""
    try:
        from cbrrr import _cbrrr
    except ImportError:
        return None
    return _cbrrr


_codec: Final = _installed_codec()

# Every list or map begins with such a byte: few of them means no deep nesting.
_CONTAINER_HEADS: Final = bytes(range(0x80, 0xC0))
# What is smaller is walked through sooner than its bytes are looked at.
_LARGE: Final = 16_384
_CONTAINERS: Final = frozenset((list, dict))
_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"


def _too_deep(value: Value, encoded: bytes) -> bool:
    """Tell whether a value nests deeper than the cap, without recursion."""
    if len(encoded) > _LARGE:
        heads = len(encoded) - len(encoded.translate(None, _CONTAINER_HEADS))
        if heads <= MAX_DEPTH:
            return False
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) in _CONTAINERS
        ]
        if not level:
            return False
    return True


def _fast_encode_shallow(value: Value) -> bytes:
    try:
        encoded: bytes = _codec.encode_dag_cbor(value, Cid, False)
    except (ValueError, TypeError, OverflowError) as problem:
        raise InvalidCbor(str(problem)) from None
    return encoded


def _fast_encode(value: Value) -> bytes:
    encoded = _fast_encode_shallow(value)
    if _too_deep(value, encoded):
        raise InvalidCbor(_TOO_DEEP)
    return encoded


def _fast_decode(data: bytes) -> Value:
    value, end = _fast_decode_prefix(data)
    if end != len(data):
        raise InvalidCbor("bytes follow the value")
    return value


def _fast_decode_prefix(data: bytes, offset: int = 0) -> tuple[Value, int]:
    if not 0 <= offset <= len(data):
        raise InvalidCbor("the offset lies outside the data")
    source = memoryview(data)[offset:] if offset else data
    try:
        value, length = _codec.decode_dag_cbor(source, Cid, False)
    except ValueError as problem:
        raise InvalidCbor(str(problem)) from None
    end = offset + length
    if _too_deep(value, data if end - offset == len(data) else data[offset:end]):
        raise InvalidCbor(_TOO_DEEP)
    return value, end


def _fast_decode_json(data: bytes) -> Any:
    try:
        value, end = _codec.decode_dag_cbor(data, Cid, True)
    except ValueError as problem:
        raise InvalidCbor(str(problem)) from None
    if end != len(data):
        raise InvalidCbor("bytes follow the value")
    return value


encode = cbor_python.encode if _codec is None else _fast_encode
# For what its maker knows to nest a few levels, whatever is in it: nodes, commits, frames.
encode_shallow = cbor_python.encode if _codec is None else _fast_encode_shallow
decode = cbor_python.decode if _codec is None else _fast_decode
decode_prefix = cbor_python.decode_prefix if _codec is None else _fast_decode_prefix
# Straight to the JSON form (`$link`, `$bytes`), for records checked before they were stored.
decode_json = None if _codec is None else _fast_decode_json

IMPLEMENTATION: Final = "python" if _codec is None else "cbrrr"
