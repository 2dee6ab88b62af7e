"""Content identifiers: the hash-links between blocks, records and blobs.

Only the two shapes of the protocol exist here: CIDv1, SHA-256, of a DAG-CBOR block or of a raw
blob. https://atproto.com/specs/data-model#link-and-cid-formats
"""

import re
from hashlib import sha256
from typing import Final, Self

DAG_CBOR: Final = 0x71
RAW: Final = 0x55

_HEADERS: Final = {
    DAG_CBOR: b"\x01\x71\x12\x20",
    RAW: b"\x01\x55\x12\x20",
}
_KNOWN_HEADERS: Final = frozenset(_HEADERS.values())
_LENGTH: Final = 36
_BLOCK_HEADER: Final = _HEADERS[DAG_CBOR]
_BLOB_HEADER: Final = _HEADERS[RAW]

_ALPHABET: Final = b"abcdefghijklmnopqrstuvwxyz234567"
_DIGITS: Final = b"0123456789abcdefghijklmnopqrstuv"
_TO_DIGITS: Final = str.maketrans(_ALPHABET.decode(), _DIGITS.decode())
_TO_LETTERS: Final = bytes(_ALPHABET[value & 31] for value in range(256))
_TEXT: Final = re.compile(r"b[a-z2-7]{58}")


def _spreading_steps() -> tuple[tuple[int, int, int], ...]:
    """Make the steps that move 64 five-bit groups into 64 bytes, halving the lanes each time."""
    steps = []
    width = 64
    while width > 1:
        half = width // 2
        low = sum(((1 << 5 * half) - 1) << lane * 8 for lane in range(0, 64, width))
        steps.append((low, low << 5 * half, 3 * half))
        width = half
    return tuple(steps)


_SPREADING: Final = _spreading_steps()


# Looked up once: trees make CIDs by the thousand.
_make: Final = bytes.__new__


class InvalidCid(ValueError):
    """The bytes or text are no CID of the protocol."""

    xrpc_name = "InvalidRequest"


class Cid(bytes):
    """A CIDv1 in its 36-byte form; `str()` gives the `bafy...` text.

    Being bytes, it is a SQLite BLOB, a dictionary key at full speed, and equal to the same bytes.
    """

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        """Check the length and the four header bytes; raise InvalidCid."""
        if len(raw) != _LENGTH or raw[:4] not in _KNOWN_HEADERS:
            raise InvalidCid("not a CIDv1 of a DAG-CBOR block or raw blob with a SHA-256 hash")
        return _make(cls, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the base32 text (`bafy...`, `bafk...`); raise InvalidCid."""
        if not isinstance(text, str) or not _TEXT.fullmatch(text):
            raise InvalidCid("not the base32 text of a CIDv1 with a SHA-256 hash")
        number = int(text[1:].translate(_TO_DIGITS), 32)
        if number & 3:
            raise InvalidCid("the base32 text of the CID ends in stray bits")
        return cls((number >> 2).to_bytes(_LENGTH))

    @classmethod
    def for_block(cls, data: bytes) -> Self:
        """Name a DAG-CBOR block by its hash."""
        return _make(cls, _BLOCK_HEADER + sha256(data).digest())

    @classmethod
    def for_blob(cls, data: bytes) -> Self:
        """Name a blob by its hash."""
        return _make(cls, _BLOB_HEADER + sha256(data).digest())

    @classmethod
    def from_digest(cls, codec: int, digest: bytes) -> Self:
        """Make the CID of a SHA-256 digest computed elsewhere; raise InvalidCid."""
        if codec not in _HEADERS:
            raise InvalidCid(f"codec {codec:#x} is neither DAG-CBOR nor raw")
        return cls(_HEADERS[codec] + digest)

    @property
    def codec(self) -> int:
        """The content type: 0x71 for a DAG-CBOR block, 0x55 for a blob."""
        return self[1]

    @property
    def digest(self) -> bytes:
        """The 32 bytes of the SHA-256 hash."""
        return self[4:]

    def names(self, data: bytes) -> bool:
        """Tell whether these are the bytes this CID was made from."""
        return self[4:] == sha256(data).digest()

    def __str__(self) -> str:
        number = int.from_bytes(self) << 2
        for low, high, shift in _SPREADING:
            number = (number & low) | ((number & high) << shift)
        return "b" + number.to_bytes(58).translate(_TO_LETTERS).decode()

    def __repr__(self) -> str:
        return f"Cid({str(self)!r})"
