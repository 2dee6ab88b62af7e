"""DAG-CBOR in plain Python: the definition that every faster codec must agree with.

One value has exactly one encoding, and only that encoding is read: shortest heads, 64-bit floats,
map keys ordered by length and then bytes, no tag but 42 (a CID), nothing after the value.
https://ipld.io/specs/codecs/dag-cbor/spec/
"""

import struct
from collections.abc import Callable
from math import isfinite
from typing import Any, Final, TypeAlias

from appliance.atproto.cid import Cid, InvalidCid

# None, bool, int, float, str, bytes, Cid, list of these, dict with text keys.
Value: TypeAlias = Any

MAX_DEPTH: Final = 64

_FLOAT: Final = struct.Struct(">d")
_SMALLEST_ARGUMENT: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_CID_HEAD: Final = b"\xd8\x2a\x58\x25\x00"
_CID_TAG: Final = 42
_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"


class InvalidCbor(ValueError):
    """The bytes are no DAG-CBOR, or the value has no place in it."""

    xrpc_name = "InvalidRequest"


def encode(value: Value) -> bytes:
    """Encode a value; raise InvalidCbor where DAG-CBOR has no form for it."""
    parts: list[bytes] = []
    _write(parts, value, MAX_DEPTH)
    return b"".join(parts)


def decode(data: bytes) -> Value:
    """Decode bytes that hold one value and nothing else; raise InvalidCbor."""
    value, end = decode_prefix(data)
    if end != len(data):
        raise InvalidCbor("bytes follow the value")
    return value


def decode_prefix(data: bytes, offset: int = 0) -> tuple[Value, int]:
    """Decode the value that begins at an offset; give it and the offset after it.

    Raises InvalidCbor.
    """
    if not 0 <= offset <= len(data):
        raise InvalidCbor("the offset lies outside the data")
    return _read(data, offset, MAX_DEPTH)


def _head(major: int, argument: int) -> bytes:
    major <<= 5
    if argument < 24:
        return bytes((major | argument,))
    if argument < 1 << 8:
        return bytes((major | 24, argument))
    if argument < 1 << 16:
        return bytes((major | 25,)) + argument.to_bytes(2)
    if argument < 1 << 32:
        return bytes((major | 26,)) + argument.to_bytes(4)
    if argument < 1 << 64:
        return bytes((major | 27,)) + argument.to_bytes(8)
    raise InvalidCbor("an integer of more than 64 bits")


def _write(parts: list[bytes], value: Value, levels: int) -> None:
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise InvalidCbor(f"DAG-CBOR has no form for {type(value).__name__}")
    writer(parts, value, levels)


def _write_none(parts: list[bytes], value: None, levels: int) -> None:
    parts.append(b"\xf6")


def _write_bool(parts: list[bytes], value: bool, levels: int) -> None:
    parts.append(b"\xf5" if value else b"\xf4")


def _write_int(parts: list[bytes], value: int, levels: int) -> None:
    parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))


def _write_float(parts: list[bytes], value: float, levels: int) -> None:
    if not isfinite(value):
        raise InvalidCbor("a float that is no number")
    parts.append(b"\xfb" + _FLOAT.pack(value))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidCbor("text with half of a surrogate pair") from None


def _write_str(parts: list[bytes], value: str, levels: int) -> None:
    raw = _utf8(value)
    parts.append(_head(3, len(raw)))
    parts.append(raw)


def _write_bytes(parts: list[bytes], value: bytes, levels: int) -> None:
    parts.append(_head(2, len(value)))
    parts.append(value)


def _write_cid(parts: list[bytes], value: Cid, levels: int) -> None:
    parts.append(_CID_HEAD)
    parts.append(value)


def _write_list(parts: list[bytes], value: list[Value], levels: int) -> None:
    if not levels:
        raise InvalidCbor(_TOO_DEEP)
    parts.append(_head(4, len(value)))
    for item in value:
        _write(parts, item, levels - 1)


def _write_dict(parts: list[bytes], value: dict[str, Value], levels: int) -> None:
    if not levels:
        raise InvalidCbor(_TOO_DEEP)
    entries = []
    for key, item in value.items():
        if type(key) is not str:
            raise InvalidCbor("a map key that is no text")
        raw = _utf8(key)
        entries.append((len(raw), raw, item))
    entries.sort(key=_by_length_then_bytes)
    parts.append(_head(5, len(entries)))
    for length, raw, item in entries:
        parts.append(_head(3, length))
        parts.append(raw)
        _write(parts, item, levels - 1)


def _by_length_then_bytes(entry: tuple[int, bytes, Value]) -> tuple[int, bytes]:
    return entry[:2]


_WRITERS: Final[dict[type, Callable[[list[bytes], Any, int], None]]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: _write_str,
    bytes: _write_bytes,
    Cid: _write_cid,
    list: _write_list,
    dict: _write_dict,
}


def _read(data: bytes, at: int, levels: int) -> tuple[Value, int]:
    if at >= len(data):
        raise InvalidCbor("the data end before the value does")
    initial = data[at]
    if initial >= 0xE0:
        return _read_simple(data, at, initial)
    argument, at = _argument(data, at, initial & 31)
    return _READERS[initial >> 5](data, at, argument, levels)


def _argument(data: bytes, at: int, info: int) -> tuple[int, int]:
    at += 1
    if info < 24:
        return info, at
    if info > 27:
        raise InvalidCbor("an indefinite or reserved length")
    end = at + (1 << info - 24)
    raw = data[at:end]
    argument = int.from_bytes(raw)
    if len(raw) != end - at:
        raise InvalidCbor("the data end before the value does")
    if argument < _SMALLEST_ARGUMENT[info]:
        raise InvalidCbor("a number or length not in its shortest form")
    return argument, end


def _read_simple(data: bytes, at: int, initial: int) -> tuple[Value, int]:
    if initial == 0xF6:
        return None, at + 1
    if initial in (0xF4, 0xF5):
        return initial == 0xF5, at + 1
    if initial != 0xFB:
        raise InvalidCbor("a simple value or short float that DAG-CBOR does not have")
    raw = data[at + 1 : at + 9]
    if len(raw) != 8:
        raise InvalidCbor("the data end before the value does")
    number: float = _FLOAT.unpack(raw)[0]
    if not isfinite(number):
        raise InvalidCbor("a float that is no number")
    return number, at + 9


def _read_unsigned(data: bytes, at: int, argument: int, levels: int) -> tuple[int, int]:
    return argument, at


def _read_negative(data: bytes, at: int, argument: int, levels: int) -> tuple[int, int]:
    return -1 - argument, at


def _read_bytes(data: bytes, at: int, argument: int, levels: int) -> tuple[bytes, int]:
    end = at + argument
    if end > len(data):
        raise InvalidCbor("the data end before the value does")
    return data[at:end], end


def _read_text(data: bytes, at: int, argument: int, levels: int) -> tuple[str, int]:
    raw, end = _read_bytes(data, at, argument, levels)
    try:
        return raw.decode(), end
    except UnicodeDecodeError:
        raise InvalidCbor("text that is no UTF-8") from None


def _read_array(data: bytes, at: int, argument: int, levels: int) -> tuple[list[Value], int]:
    if not levels:
        raise InvalidCbor(_TOO_DEEP)
    if argument > len(data) - at:
        raise InvalidCbor("the data end before the value does")
    items = []
    for _ in range(argument):
        item, at = _read(data, at, levels - 1)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, argument: int, levels: int) -> tuple[dict[str, Value], int]:
    if not levels:
        raise InvalidCbor(_TOO_DEEP)
    if argument > len(data) - at:
        raise InvalidCbor("the data end before the value does")
    entries: dict[str, Value] = {}
    previous = b""
    for _ in range(argument):
        start = at
        key, at = _read(data, at, 0)
        if type(key) is not str:
            raise InvalidCbor("a map key that is no text")
        # The head holds the length, so encoded keys compare by length first.
        encoded = data[start:at]
        if encoded <= previous:
            raise InvalidCbor("map keys out of order or repeated")
        previous = encoded
        entries[key], at = _read(data, at, levels - 1)
    return entries, at


def _read_cid(data: bytes, at: int, argument: int, levels: int) -> tuple[Cid, int]:
    if argument != _CID_TAG:
        raise InvalidCbor("a tag other than 42")
    content, at = _read(data, at, 0)
    if type(content) is not bytes or content[:1] != b"\x00":
        raise InvalidCbor("tag 42 on something that is no binary CID")
    try:
        return Cid(content[1:]), at
    except InvalidCid as problem:
        raise InvalidCbor(str(problem)) from None


_READERS: Final[tuple[Callable[[bytes, int, int, int], tuple[Value, int]], ...]] = (
    _read_unsigned,
    _read_negative,
    _read_bytes,
    _read_text,
    _read_array,
    _read_map,
    _read_cid,
)
