"""The two signing curves and the libraries that compute on them.

For K-256 libsecp256k1 is ten times faster than OpenSSL, so it is tried first: through coincurve,
then as the system's own library, and OpenSSL last. P-256 is OpenSSL's. All sign and accept the
same: SHA-256 inside, signatures of 64 bytes (r, then s) with the low s.
https://atproto.com/specs/cryptography
"""

import ctypes
import secrets
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Final, Literal, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CurveName: TypeAlias = Literal["k256", "p256"]

ORDERS: Final[dict[CurveName, int]] = {
    "k256": 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141,
    "p256": 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551,
}

# The names under which Debian and its relatives have shipped the library, newest first.
_SYSTEM_LIBRARIES: Final = tuple(f"libsecp256k1.so.{number}" for number in (6, 5, 2, 1, 0))
# What stands before r and between r and s in a signature's DER, by whether each of the two numbers
# has its first bit set and so takes a zero in front.
_AROUND: Final = {
    (False, False): (b"\x30\x44\x02\x20", b"\x02\x20"),
    (False, True): (b"\x30\x45\x02\x20", b"\x02\x21\x00"),
    (True, False): (b"\x30\x45\x02\x21\x00", b"\x02\x20"),
    (True, True): (b"\x30\x46\x02\x21\x00", b"\x02\x21\x00"),
}
_CONTEXT_SIGN_VERIFY: Final = 0x301
_COMPRESSED: Final = 0x102
_UNCOMPRESSED: Final = 0x002


class InvalidKey(ValueError):
    """The bytes or text are no key of a supported curve."""

    xrpc_name = "InvalidRequest"


class Curve(Protocol):
    """What a library must do for a curve; handles are its own loaded keys."""

    def load_public(self, compressed: bytes) -> Any:
        """Load a 33-byte point; raise InvalidKey."""

    def point(self, public: Any) -> bytes:
        """Give x and y, 64 bytes."""

    def verify(self, public: Any, message: bytes, signature: bytes, any_s: bool) -> bool:
        """Check a 64-byte signature whose s is low, or either with `any_s`."""

    def load_private(self, scalar: bytes) -> Any:
        """Load a 32-byte scalar already known to lie within the order."""

    def public_of(self, private: Any) -> bytes:
        """Give the 33-byte point of a private key."""

    def sign(self, private: Any, message: bytes) -> bytes:
        """Sign; give 64 bytes with the low s."""


class OpenSsl:
    """Either curve by way of the package cryptography."""

    def __init__(self, name: CurveName) -> None:
        self._curve = ec.SECP256K1() if name == "k256" else ec.SECP256R1()
        self._order = ORDERS[name]
        self._highest_low = (self._order // 2).to_bytes(32)
        self._checks = ec.ECDSA(hashes.SHA256())
        try:
            self._signs = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        except UnsupportedAlgorithm:
            self._signs = self._checks

    def load_public(self, compressed: bytes) -> ec.EllipticCurvePublicKey:
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(self._curve, compressed)
        except ValueError:
            raise InvalidKey("the bytes are no point of the curve") from None

    def point(self, public: ec.EllipticCurvePublicKey) -> bytes:
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    def verify(
        self, public: ec.EllipticCurvePublicKey, message: bytes, signature: bytes, any_s: bool
    ) -> bool:
        if not any_s and signature[32:] > self._highest_low:
            return False
        try:
            public.verify(_der(signature), message, self._checks)
        except InvalidSignature:
            return False
        return True

    def load_private(self, scalar: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(scalar), self._curve)

    def public_of(self, private: ec.EllipticCurvePrivateKey) -> bytes:
        return private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def sign(self, private: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(message, self._signs))
        return r.to_bytes(32) + min(s, self._order - s).to_bytes(32)


class Coincurve:
    """K-256 by the libsecp256k1 that coincurve carries; ImportError where it is not installed."""

    def __init__(self) -> None:
        from coincurve import PrivateKey, PublicKey

        self._private_key = PrivateKey
        self._public_key = PublicKey

    def load_public(self, compressed: bytes) -> Any:
        try:
            return self._public_key(compressed)
        except ValueError:
            raise InvalidKey("the bytes are no point of the curve") from None

    def point(self, public: Any) -> bytes:
        whole: bytes = public.format(compressed=False)
        return whole[1:]

    def verify(self, public: Any, message: bytes, signature: bytes, any_s: bool) -> bool:
        if any_s:
            signature = _with_low_s(signature)
        valid: bool = public.verify(_der(signature), message)
        return valid

    def load_private(self, scalar: bytes) -> Any:
        return self._private_key(scalar)

    def public_of(self, private: Any) -> bytes:
        compressed: bytes = private.public_key.format()
        return compressed

    def sign(self, private: Any, message: bytes) -> bytes:
        signature: bytes = private.sign_recoverable(message)
        return signature[:64]


class SystemLibrary:
    """K-256 by the system's libsecp256k1; OSError where there is none."""

    def __init__(self, names: Sequence[str] = _SYSTEM_LIBRARIES) -> None:
        """Load the first library of these names, or paths, that is there."""
        self._library = _first_library(names)
        self._library.secp256k1_context_create.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(
            self._library.secp256k1_context_create(_CONTEXT_SIGN_VERIFY)
        )
        self._library.secp256k1_context_randomize(self._context, secrets.token_bytes(32))

    def load_public(self, compressed: bytes) -> Any:
        public = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(len(compressed))
        parse = self._library.secp256k1_ec_pubkey_parse
        if not parse(self._context, public, compressed, size):
            raise InvalidKey("the bytes are no point of the curve")
        return public

    def point(self, public: Any) -> bytes:
        return self._serialized(public, 65, _UNCOMPRESSED)[1:]

    def _serialized(self, public: Any, length: int, form: int) -> bytes:
        out = ctypes.create_string_buffer(length)
        size = ctypes.c_size_t(length)
        self._library.secp256k1_ec_pubkey_serialize(
            self._context, out, ctypes.byref(size), public, ctypes.c_uint(form)
        )
        return out.raw

    def verify(self, public: Any, message: bytes, signature: bytes, any_s: bool) -> bool:
        if any_s:
            signature = _with_low_s(signature)
        parsed = ctypes.create_string_buffer(64)
        parse = self._library.secp256k1_ecdsa_signature_parse_compact
        if not parse(self._context, parsed, signature):
            return False
        digest = sha256(message).digest()
        return bool(self._library.secp256k1_ecdsa_verify(self._context, parsed, digest, public))

    def load_private(self, scalar: bytes) -> bytes:
        return scalar

    def public_of(self, private: bytes) -> bytes:
        public = ctypes.create_string_buffer(64)
        self._library.secp256k1_ec_pubkey_create(self._context, public, private)
        return self._serialized(public, 33, _COMPRESSED)

    def sign(self, private: bytes, message: bytes) -> bytes:
        signature = ctypes.create_string_buffer(64)
        out = ctypes.create_string_buffer(64)
        digest = sha256(message).digest()
        self._library.secp256k1_ecdsa_sign(self._context, signature, digest, private, None, None)
        self._library.secp256k1_ecdsa_signature_serialize_compact(self._context, out, signature)
        return out.raw


def _der(signature: bytes) -> bytes:
    """Write r and s as OpenSSL reads them; the long way where one of them begins with a zero."""
    if not signature[0] or not signature[32]:
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        return encode_dss_signature(r, s)
    before, between = _AROUND[signature[0] > 127, signature[32] > 127]
    return before + signature[:32] + between + signature[32:]


def _with_low_s(signature: bytes) -> bytes:
    """Give a signature on K-256 with its low s, for a library that takes no other."""
    order, s = ORDERS["k256"], int.from_bytes(signature[32:])
    return signature[:32] + (order - s).to_bytes(32) if order // 2 < s < order else signature


def _first_library(names: Sequence[str]) -> ctypes.CDLL:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise OSError("libsecp256k1 is not installed")


def _openssl_k256() -> Curve:
    return OpenSsl("k256")


K256_CHOICES: Final[tuple[Callable[[], Curve], ...]] = (Coincurve, SystemLibrary, _openssl_k256)


def first_curve(choices: Sequence[Callable[[], Curve]]) -> Curve:
    """Open the first library that is installed; the last choice must always be."""
    for choice in choices[:-1]:
        try:
            return choice()
        except (ImportError, OSError):
            continue
    return choices[-1]()


@cache
def curve(name: CurveName) -> Curve:
    """Give the best library at hand for a curve."""
    return first_curve(K256_CHOICES) if name == "k256" else OpenSsl("p256")
