"""Event-stream frames: a header and a body, two DAG-CBOR maps in one binary message.

https://atproto.com/specs/event-stream
"""

from dataclasses import dataclass

from appliance.atproto import cbor

MESSAGE = 1
ERROR = -1
# A seq must be exact in JavaScript as well.
MAX_SEQ = (1 << 53) - 1

_SEQ_KEY = b"\x63seq"
_MAP_HEADS = {0xB8: 1, 0xB9: 2, 0xBA: 4, 0xBB: 8}


class InvalidFrame(ValueError):
    """The bytes are not one frame."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as received. `t` names the message; None for an error frame."""

    op: int
    t: str | None
    body: cbor.Value
    body_offset: int


def encode_frame(t: str, body: cbor.Value) -> bytes:
    """Make a message frame; `t` begins with "#"."""
    return cbor.encode_shallow({"op": MESSAGE, "t": t}) + cbor.encode(body)


def error_frame(name: str, message: str | None = None) -> bytes:
    """Make the frame after which a stream is closed."""
    body = {"error": name} if message is None else {"error": name, "message": message}
    return cbor.encode({"op": ERROR}) + cbor.encode(body)


def decode_frame(data: bytes) -> Frame:
    """Take a frame apart. Raises InvalidFrame."""
    try:
        header, offset = cbor.decode_prefix(data)
        body, end = cbor.decode_prefix(data, offset)
    except ValueError as error:
        raise InvalidFrame(f"the frame is not DAG-CBOR: {error}") from error
    if end != len(data):
        raise InvalidFrame("bytes follow the frame's body")
    if type(header) is not dict or type(body) is not dict:
        raise InvalidFrame("header and body of a frame must be maps")
    op, t = header.get("op"), header.get("t")
    if type(op) is not int or op not in (MESSAGE, ERROR):
        raise InvalidFrame("the frame's op is unknown")
    if op == ERROR:
        return Frame(op, None, body, offset)
    if type(t) is not str:
        raise InvalidFrame("the frame's t is missing")
    return Frame(op, t, body, offset)


def with_seq(frame: bytes, seq: int) -> bytes:
    """Give the frame with another `seq`; every other byte of it stays. Raises InvalidFrame."""
    try:
        start, end = _seq_span(frame)
    except (ValueError, IndexError) as error:
        raise InvalidFrame(f"the frame has no seq: {error}") from error
    return b"".join((frame[:start], cbor.encode_shallow(seq), frame[end:]))


def _seq_span(frame: bytes) -> tuple[int, int]:
    """Find the value of `seq` by stepping over what is sorted before it."""
    _, at = cbor.decode_prefix(frame)
    head = frame[at]
    fields = head & 0x1F
    if head in _MAP_HEADS:
        size = _MAP_HEADS[head]
        fields = int.from_bytes(frame[at + 1 : at + 1 + size], "big")
        at += size
    elif head & 0xE0 != 0xA0 or fields > 23:
        raise InvalidFrame("its body is not a map")
    at += 1
    for _ in range(fields):
        if frame[at : at + 4] == _SEQ_KEY:
            start = at + 4
            return start, _end(frame, start)
        at = _end(frame, _end(frame, at))
    raise InvalidFrame("its body lacks the field")


def _end(frame: bytes, at: int) -> int:
    """Tell where a value ends; texts below 24 bytes, most of what is met, are stepped over."""
    head = frame[at]
    if 0x60 <= head < 0x78:
        return at + 1 + (head & 0x1F)
    return cbor.decode_prefix(frame, at)[1]
