"""What is made for an authority: requests for certificates, and the proof that TLS shows."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from appliance.https.account_key import as_pem, new_key

_ACME_IDENTIFIER = ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def request_for(names: Sequence[str], key: ec.EllipticCurvePrivateKey) -> bytes:
    """Ask for a certificate for these names, as DER."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(_alternatives(names), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def proof_for(name: str, authorization: str) -> tuple[str, str]:
    """Make the certificate of TLS-ALPN-01 (RFC 8737, 3) and its key, as PEM."""
    key = new_key()
    told = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    digest = hashlib.sha256(authorization.encode("ascii")).digest()
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(told)
        .issuer_name(told)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(_alternatives([name]), critical=False)
        .add_extension(
            # An OCTET STRING of 32 bytes, in DER.
            x509.UnrecognizedExtension(_ACME_IDENTIFIER, b"\x04\x20" + digest),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode("ascii"), as_pem(key)


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
