"""Damaged inputs: samples of what is good, spoiled by chance, from a seed."""

from collections.abc import Sequence
from random import Random
from typing import Final

NUMBERS: Final = (0, 1, 0x17, 0x18, 0x1B, 0x1F, 0x20, 0x22, 0x2C, 0x3A, 0x40, 0x5B, 0x5F, 0x61)
NUMBERS_ABOVE: Final = (0x7B, 0x7F, 0x80, 0x81, 0x9F, 0xA1, 0xBF, 0xC0, 0xD8, 0xF6, 0xFB, 0xFF)
BYTES: Final = NUMBERS + NUMBERS_ABOVE
# What takes a decoder to its edges: lengths that lie, depth, odd letters, numbers without end.
WORDS: Final = (
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x5a\x7f\xff\xff\xff",
    b"\xbb\x00\x00\x00\x01\x00\x00\x00\x00",
    b"\xd8\x2a\x58\x25\x00",
    b"\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\x81" * 200,
    b"\xa1\x61a" * 100,
    b"[" * 300,
    b'{"a":' * 100,
    b"1e400",
    b"9" * 400,
    b"-0.0",
    b"\\ud800",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"\xf0\x9f\xa6\x8a",
    b"\x00",
    b"%00",
    b"%2f..%2f",
    b"..",
    b"://",
    b"@[::1]:0",
    b"null",
    b"true",
    b'"',
    b"{}",
    b"[]",
    b"$type",
    b"$link",
    b"$bytes",
    b"__proto__",
    b"\r\n",
    b"a" * 2_000,
    b"<" * 500,
)
LONGEST: Final = 64 * 1024


class Mutator:
    """Makes one damaged input after the other."""

    def __init__(self, random: Random, samples: Sequence[bytes]) -> None:
        self._random = random
        self._samples = samples

    def make(self) -> bytes:
        """Spoil a sample in one to four ways; now and then make noise out of nothing."""
        random = self._random
        if random.random() < 0.02:
            return random.randbytes(random.randrange(80))
        data = bytearray(random.choice(self._samples))
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
            self._spoil(data)
        return bytes(data[:LONGEST])

    def _spoil(self, data: bytearray) -> None:
        random = self._random
        at = random.randrange(len(data) + 1)
        until = min(len(data), at + random.choice((1, 1, 2, 4, 8, 32, 256)))
        match random.randrange(9):
            case 0 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 1 if at < len(data):
                data[at] = random.choice(BYTES)
            case 2:
                del data[at:until]
            case 3:
                data[at:at] = data[at:until] * random.choice((1, 2, 50))
            case 4:
                data[at:until] = random.choice(WORDS)
            case 5:
                data[at:at] = random.choice(WORDS)
            case 6:
                del data[at:]
            case 7:
                other = random.choice(self._samples)
                data[at:until] = other[random.randrange(len(other) + 1) :][:256]
            case _:
                data[at:until] = random.randbytes(until - at)
