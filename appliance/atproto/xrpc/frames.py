"""Event-stream frames: a header and a body, two DAG-CBOR maps in one binary message.

https://atproto.com/specs/event-stream
"""

from dataclasses import dataclass
from functools import cache

from appliance.atproto import cbor

MESSAGE = 1
ERROR = -1
# A seq must be exact in JavaScript as well.
MAX_SEQ = (1 << 53) - 1

_SEQ_KEY = b"\x63seq"
_MAP = 0xA0
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
    return _header(t) + cbor.encode(body)


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


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """A frame but for its `seq`: what comes before the number, and what behind it."""

    head: bytes
    tail: bytes

    def numbered(self, seq: int) -> bytes:
        return b"".join((self.head, cbor.encode_shallow(seq), self.tail))

    def number_in(self, frame: bytes) -> int | None:
        """Give the number of a frame that is this one in every other byte; else None."""
        if not (frame.startswith(self.head) and frame.endswith(self.tail)):
            return None
        try:
            seq = cbor.decode(frame[len(self.head) : len(frame) - len(self.tail)])
        except ValueError:
            return None
        return seq if type(seq) is int and 0 <= seq <= MAX_SEQ else None


def encode_unnumbered(t: str, before: dict[str, cbor.Value], after: cbor.Value) -> Unnumbered:
    """Make a message frame but for its `seq`, from the fields that are sorted before and after it.

    Fewer than 24 in all; who calls knows the order (shorter names first) and that nothing nests.
    """
    fields = len(before) + 1 + len(after)
    front = cbor.encode_shallow(before)[1:]
    head = b"".join((_header(t), bytes((_MAP | fields,)), front, _SEQ_KEY))
    return Unnumbered(head, cbor.encode_shallow(after)[1:])


def unnumbered(frame: bytes) -> Unnumbered:
    """Take the number out of a frame. Raises InvalidFrame."""
    try:
        start, end = _seq_span(frame)
    except (ValueError, IndexError) as error:
        raise InvalidFrame(f"the frame has no seq: {error}") from error
    return Unnumbered(frame[:start], frame[end:])


def with_seq(frame: bytes, seq: int) -> bytes:
    """Give the frame with another `seq`; every other byte of it stays. Raises InvalidFrame."""
    return unnumbered(frame).numbered(seq)


@cache
def _header(t: str) -> bytes:
    return cbor.encode_shallow({"op": MESSAGE, "t": t})


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
