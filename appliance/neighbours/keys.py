"""Who this house is to its neighbours: a key for life, in a certificate that nobody signed.

Others know the house by the SHA-256 of that certificate. TLS proves who answers; who asks proves
it by a text that only the two can make, since it comes from their two keys.
"""

import base64
import binascii
import hashlib
import hmac
import ssl
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from appliance.base.secret_files import read_or_create

MOST_CERTIFICATE_BYTES: Final = 1000
_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hearth")])
# The clocks of two houses need not agree: what is pinned has no end.
_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class InvalidCertificate(ValueError):
    """Bytes are not the certificate of a house."""


class HouseKey:
    """Our key, with what it makes."""

    def __init__(self, path: Path) -> None:
        """Read the key from its file; make it when it is not there yet."""
        text = read_or_create(path, _make).encode()
        key = serialization.load_pem_private_key(text, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InvalidCertificate(f"{path.name} holds no key of a house")
        self._path = path
        self._key = key
        self.certificate = x509.load_pem_x509_certificate(text).public_bytes(
            serialization.Encoding.DER
        )
        self.fingerprint = fingerprint(self.certificate)
        self._shared = lru_cache(256)(self._agree)

    def server_context(self) -> ssl.SSLContext:
        """Make what a listener needs to show who it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self._path)
        return context

    def proof(self, certificate: bytes, purpose: str, *parts: str) -> str:
        """Make what only this house and that one can make, in hex.

        Raises InvalidCertificate.
        """
        said = "\0".join((purpose, *parts)).encode()
        return hmac.new(self._shared(certificate), said, hashlib.sha256).hexdigest()

    def proof_to(self, certificate: bytes) -> str:
        """Make what shows that house who asks it. Raises InvalidCertificate."""
        return self.proof(certificate, "ask", self.fingerprint, fingerprint(certificate))

    def admits(self, certificate: bytes, given: str) -> bool:
        """Tell whether what somebody gave was made by the key of this certificate.

        Raises InvalidCertificate.
        """
        right = self.proof(certificate, "ask", fingerprint(certificate), self.fingerprint)
        return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace"))

    def _agree(self, certificate: bytes) -> bytes:
        secret = self._key.exchange(ec.ECDH(), _public_key(certificate))
        return HKDF(hashes.SHA256(), 32, b"hearth neighbours 1", b"").derive(secret)


def fingerprint(certificate: bytes) -> str:
    """Name a house by its certificate, in hex."""
    return hashlib.sha256(certificate).hexdigest()


def write_certificate(certificate: bytes) -> str:
    """Write it for a header."""
    return base64.b64encode(certificate).decode()


def read_certificate(text: str) -> bytes:
    """Read what a house sends. Raises InvalidCertificate."""
    try:
        certificate = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCertificate("not base64") from None
    if not 0 < len(certificate) <= MOST_CERTIFICATE_BYTES:
        raise InvalidCertificate("too long, or nothing")
    _public_key(certificate)
    return certificate


def _public_key(certificate: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidCertificate("not a certificate") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidCertificate("of another kind of key")
    return key


def _make() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode().strip()
