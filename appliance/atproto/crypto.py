"""Signing keys: K-256 and P-256, their `did:key` names, signing and verifying.

https://atproto.com/specs/cryptography
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as InvalidBase64
from functools import lru_cache
from typing import Final, Literal, Self, TypeAlias

from appliance.atproto.curves import ORDERS, Curve, CurveName, InvalidKey, curve
from appliance.atproto.syntax import JsonObject

__all__ = ["CurveName", "InvalidKey", "JwtAlgorithm", "PrivateKey", "PublicKey"]

JwtAlgorithm: TypeAlias = Literal["ES256K", "ES256"]

_ALGORITHMS: Final[dict[CurveName, JwtAlgorithm]] = {"k256": "ES256K", "p256": "ES256"}
_JWK_CURVES: Final[dict[CurveName, str]] = {"k256": "secp256k1", "p256": "P-256"}
_CURVES_OF_JWK: Final[dict[str, CurveName]] = {"secp256k1": "k256", "P-256": "p256"}
# https://github.com/multiformats/multicodec: secp256k1-pub and p256-pub, as varints.
_CODES: Final[dict[CurveName, bytes]] = {"k256": b"\xe7\x01", "p256": b"\x80\x24"}
_CURVES_OF_CODE: Final[dict[bytes, CurveName]] = {b"\xe7\x01": "k256", b"\x80\x24": "p256"}
# secp256k1-priv and p256-priv.
_CURVES_OF_SECRET: Final[dict[bytes, CurveName]] = {b"\x81\x26": "k256", b"\x86\x26": "p256"}
_DID_KEY: Final = "did:key:"

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES: Final = {letter: value for value, letter in enumerate(_BASE58)}
# Longer than any key; the conversion takes quadratic time.
_MAX_BASE58: Final = 128


class PublicKey:
    """A point on one of the two curves; equal to any other of the same point."""

    __slots__ = ("_handle", "_library", "compressed", "curve")

    def __init__(self, name: CurveName, compressed: bytes, library: Curve | None = None) -> None:
        """Load a compressed point (33 bytes); raise InvalidKey."""
        if len(compressed) != 33 or compressed[0] not in (2, 3):
            raise InvalidKey("a compressed point has 33 bytes, the first 2 or 3")
        self.curve: CurveName = name
        self.compressed = compressed
        self._library = library or curve(name)
        self._handle = self._library.load_public(compressed)

    @classmethod
    def from_compressed(cls, name: CurveName, raw: bytes) -> Self:
        """Load a compressed point (33 bytes); raise InvalidKey."""
        return cls(name, raw)

    @classmethod
    def from_point(cls, name: CurveName, x: bytes, y: bytes) -> Self:
        """Load a point from its two coordinates of 32 bytes; raise InvalidKey."""
        if len(x) != 32 or len(y) != 32:
            raise InvalidKey("each coordinate of a point has 32 bytes")
        key = cls(name, bytes((2 | y[31] & 1,)) + x)
        if key.point != x + y:
            raise InvalidKey("the coordinates are no point of the curve")
        return key

    @staticmethod
    def parse(text: str) -> "PublicKey":
        """Read `did:key:z...` or the bare multibase `z...`; raise InvalidKey."""
        if not isinstance(text, str):
            raise InvalidKey("a key is written as text")
        return _parsed_key(text.removeprefix(_DID_KEY))

    @classmethod
    def from_multibase(cls, name: CurveName, text: str) -> Self:
        """Read the older form without a curve code, the point compressed or not.

        DID documents with `EcdsaSecp256k1VerificationKey2019` use it. Raises InvalidKey.
        """
        raw = _from_multibase(text)
        if len(raw) == 65 and raw[0] == 4:
            return cls.from_point(name, raw[1:33], raw[33:])
        return cls(name, raw)

    @classmethod
    def from_jwk(cls, jwk: JsonObject) -> Self:
        """Read a JSON Web Key of the type EC; raise InvalidKey."""
        crv = jwk.get("crv")
        if jwk.get("kty") != "EC" or not isinstance(crv, str) or crv not in _CURVES_OF_JWK:
            raise InvalidKey("a JWK must be an EC key on P-256 or secp256k1")
        return cls.from_point(_CURVES_OF_JWK[crv], _coordinate(jwk, "x"), _coordinate(jwk, "y"))

    def to_jwk(self) -> JsonObject:
        """Write a JSON Web Key."""
        point = self.point
        x, y = (urlsafe_b64encode(part).decode().rstrip("=") for part in (point[:32], point[32:]))
        return {"kty": "EC", "crv": _JWK_CURVES[self.curve], "x": x, "y": y}

    @property
    def point(self) -> bytes:
        """The coordinates x and y, 64 bytes."""
        return self._library.point(self._handle)

    @property
    def alg(self) -> JwtAlgorithm:
        """The name that JWTs have for signatures by this key."""
        return _ALGORITHMS[self.curve]

    @property
    def multikey(self) -> str:
        """The multibase text `z...`, as DID documents show it."""
        return "z" + _base58(_CODES[self.curve] + self.compressed)

    @property
    def did_key(self) -> str:
        """The `did:key:z...` of this key."""
        return _DID_KEY + self.multikey

    def verify(self, message: bytes, sig: bytes, *, any_s: bool = False) -> bool:
        """Check a signature of 64 bytes over the SHA-256 of a message.

        The high twin of a signature is refused, as the protocol demands of its own signatures;
        `any_s` takes it too, since browsers sign JWTs without caring.
        """
        return len(sig) == 64 and self._library.verify(self._handle, message, sig, any_s)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PublicKey):
            return NotImplemented
        return self.curve == other.curve and self.compressed == other.compressed

    def __hash__(self) -> int:
        return hash((self.curve, self.compressed))

    def __repr__(self) -> str:
        return f"PublicKey({self.did_key!r})"


class PrivateKey:
    """A secret scalar and its public key; never shown in text."""

    __slots__ = ("_handle", "_library", "_scalar", "curve", "public")

    def __init__(self, name: CurveName, scalar: bytes, library: Curve | None = None) -> None:
        """Load a scalar of 32 bytes; raise InvalidKey."""
        if name not in ORDERS:
            raise InvalidKey(f"there is no curve {name!r} here")
        if len(scalar) != 32 or not 0 < int.from_bytes(scalar) < ORDERS[name]:
            raise InvalidKey("a private key has 32 bytes, between zero and the curve's order")
        self.curve: CurveName = name
        self._scalar = scalar
        self._library = library or curve(name)
        self._handle = self._library.load_private(scalar)
        self.public = PublicKey(name, self._library.public_of(self._handle), self._library)

    @classmethod
    def generate(cls, curve: CurveName = "k256") -> Self:
        """Make a new key from the system's randomness."""
        return cls(curve, (secrets.randbelow(ORDERS[curve] - 1) + 1).to_bytes(32))

    @classmethod
    def from_bytes(cls, curve: CurveName, raw: bytes) -> Self:
        """Load a scalar of 32 bytes; raise InvalidKey."""
        return cls(curve, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a multikey of a private key (`z...`), or 64 hexadecimal digits (K-256).

        Raises InvalidKey.
        """
        if re.fullmatch(r"[0-9a-f]{64}", text):
            return cls("k256", bytes.fromhex(text))
        raw = _from_multibase(text)
        name = _CURVES_OF_SECRET.get(raw[:2])
        if name is None or len(raw) != 34:
            raise InvalidKey("not a private key on one of the curves K-256 and P-256")
        return cls(name, raw[2:])

    def to_bytes(self) -> bytes:
        """Give the scalar, 32 bytes, to be stored as a secret."""
        return self._scalar

    def sign(self, message: bytes) -> bytes:
        """Sign the SHA-256 of a message; give 64 bytes, r and the low s."""
        return self._library.sign(self._handle, message)

    def __repr__(self) -> str:
        return f"PrivateKey(of {self.public.did_key})"


@lru_cache(maxsize=4096)
def _parsed_key(multibase: str) -> PublicKey:
    raw = _from_multibase(multibase)
    name = _CURVES_OF_CODE.get(raw[:2])
    if name is None:
        raise InvalidKey("the key is on neither of the curves K-256 and P-256")
    return PublicKey(name, raw[2:])


def _coordinate(jwk: JsonObject, name: str) -> bytes:
    text = jwk.get(name)
    try:
        # 43 letters hold exactly 32 bytes.
        if isinstance(text, str) and len(text) == 43:
            raw = urlsafe_b64decode(text + "=")
            if urlsafe_b64encode(raw) == text.encode() + b"=":
                return raw
    except (InvalidBase64, ValueError):
        pass
    raise InvalidKey(f"the JWK's {name} must be 32 bytes in base64url")


def _from_multibase(text: str) -> bytes:
    if not isinstance(text, str) or text[:1] != "z" or not 1 < len(text) <= _MAX_BASE58:
        raise InvalidKey("a key is written in base58 after the letter z")
    digits = text[1:]
    number = 0
    try:
        for letter in digits:
            number = number * 58 + _BASE58_VALUES[letter]
    except KeyError:
        raise InvalidKey("a key is written in base58 after the letter z") from None
    zeros = len(digits) - len(digits.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def _base58(raw: bytes) -> str:
    number = int.from_bytes(raw)
    letters = []
    while number:
        number, value = divmod(number, 58)
        letters.append(_BASE58[value])
    zeros = len(raw) - len(raw.lstrip(b"\x00"))
    return "1" * zeros + "".join(reversed(letters))
