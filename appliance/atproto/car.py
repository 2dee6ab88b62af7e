"""CAR v1 archives: a header naming roots, then blocks, each under its CID.

Every block read is checked against its hash. https://ipld.io/specs/transport/car/carv1/
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from appliance.atproto import cbor
from appliance.atproto.cid import Cid, InvalidCid

MAX_HEADER: Final = 16 * 1024
# The largest block of the protocol is a record of 1 MiB; the rest is margin.
MAX_SECTION: Final = 2 * 1024 * 1024

_CID_LENGTH: Final = 36
_HEADER_BYTES: Final = 59  # with one root
_FRAME_BYTES: Final = 39  # of a block besides its own, at most: length and CID
_MAX_VARINT: Final = 9


class InvalidCar(ValueError):
    """The archive is malformed, cut short, or holds a block that is not what its CID says."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class Car:
    """A whole archive in memory; blocks keep the order in which they first came."""

    roots: list[Cid]
    blocks: dict[Cid, bytes]


def write_car(root: Cid | None, blocks: Iterable[tuple[Cid, bytes]]) -> bytes:
    """Write an archive; its blocks are trusted to match their CIDs."""
    parts = [car_header(root)]
    for cid, data in blocks:
        parts += (_varint(_CID_LENGTH + len(data)), cid, data)
    return b"".join(parts)


def archive_size(blocks: Collection[bytes]) -> int:
    """Tell how many bytes an archive of these blocks with one root has, at most."""
    return _HEADER_BYTES + sum(map(len, blocks)) + _FRAME_BYTES * len(blocks)


def car_header(root: Cid | None) -> bytes:
    """Write the beginning of an archive."""
    header = cbor.encode({"roots": [] if root is None else [root], "version": 1})
    return _varint(len(header)) + header


def car_block(cid: Cid, data: bytes) -> bytes:
    """Write one block, framed as it stands in an archive."""
    return b"".join((_varint(_CID_LENGTH + len(data)), cid, data))


def read_car(data: bytes) -> Car:
    """Read a whole archive, checking every hash; raise InvalidCar."""
    reader = CarReader()
    blocks = dict(reader.feed(data))
    reader.finish()
    return Car(reader.roots, blocks)


class CarReader:
    """Reads an archive that arrives in pieces, holding no more than one unfinished block."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._roots: list[Cid] | None = None

    @property
    def roots(self) -> list[Cid]:
        """The roots the header names; empty before the header has come."""
        return self._roots or []

    def feed(self, chunk: bytes) -> list[tuple[Cid, bytes]]:
        """Take the next piece; give the blocks it completes. Raises InvalidCar."""
        self._buffer += chunk
        blocks = []
        end = 0
        for start, end in self._sections():
            section = bytes(memoryview(self._buffer)[start:end])
            if self._roots is None:
                self._roots = _parse_header(section)
            else:
                blocks.append(_parse_block(section))
        del self._buffer[:end]
        return blocks

    def finish(self) -> None:
        """Say that nothing more comes; raise InvalidCar where the archive is cut short."""
        if self._buffer or self._roots is None:
            raise InvalidCar("the archive is cut short")

    def _sections(self) -> Iterator[tuple[int, int]]:
        """Find the whole sections of the buffer, as bounds without their length."""
        at = 0
        while True:
            limit = MAX_HEADER if self._roots is None else MAX_SECTION
            head = _read_varint(self._buffer, at)
            if head is None:
                return
            length, start = head
            if length > limit:
                raise InvalidCar(f"a section of {length} bytes; at most {limit} are allowed")
            at = start + length
            if at > len(self._buffer):
                return
            yield start, at


def _varint(number: int) -> bytes:
    if 128 <= number < 16_384:  # nearly every block
        return bytes((number & 127 | 128, number >> 7))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Read a LEB128 number; None where the buffer ends too early. Raises InvalidCar."""
    number = 0
    for index, byte in enumerate(memoryview(buffer)[at : at + _MAX_VARINT]):
        number |= (byte & 127) << 7 * index
        if byte < 128:
            if byte == 0 and index:
                raise InvalidCar("a length not in its shortest form")
            return number, at + index + 1
    if len(buffer) - at >= _MAX_VARINT:
        raise InvalidCar("a length of more than 63 bits")
    return None


def _parse_header(section: bytes) -> list[Cid]:
    try:
        header = cbor.decode(section)
    except cbor.InvalidCbor as problem:
        raise InvalidCar(f"the header: {problem}") from None
    if type(header) is not dict or header.get("version") != 1:
        raise InvalidCar("the header is not that of a CAR of version 1")
    roots = header.get("roots")
    if type(roots) is not list or not all(type(root) is Cid for root in roots):
        raise InvalidCar("the header lists no roots")
    return roots


def _parse_block(section: bytes) -> tuple[Cid, bytes]:
    try:
        cid = Cid(section[:_CID_LENGTH])
    except InvalidCid as problem:
        raise InvalidCar(f"a block: {problem}") from None
    data = section[_CID_LENGTH:]
    if not cid.names(data):
        raise InvalidCar(f"the block {cid} does not match its hash")
    return cid, data
