"""WebSocket messages as bytes (RFC 6455, section 5.2), from a server: whole and unmasked."""

import struct
from collections.abc import Iterable

_TEXT = 0x81
_BINARY = 0x82


def binary_messages(payloads: Iterable[bytes]) -> bytes:
    """Put payloads into binary messages, one behind the other."""
    parts: list[bytes] = []
    for payload in payloads:
        parts += (_head(_BINARY, len(payload)), payload)
    return b"".join(parts)


def text_message(payload: bytes) -> bytes:
    """Put UTF-8 into a text message."""
    return _head(_TEXT, len(payload)) + payload


def _head(kind: int, size: int) -> bytes:
    if size < 126:
        return bytes((kind, size))
    if size < 65536:
        return struct.pack("!BBH", kind, 126, size)
    return struct.pack("!BBQ", kind, 127, size)
