"""The key of an ACME account, and what is signed with it (RFC 7515, ES256).

A library (acme and josepy, of certbot) was measured against this: eight packages, 9 MB of memory
and an HTTP client of its own that goes past ours, for the page of code below.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from appliance.base.secret_files import read_or_create

_BYTES: Final = 32


def encoded(raw: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key of the kind that all authorities sign."""
    return ec.generate_private_key(ec.SECP256R1())


def as_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Write a key down, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


class AccountKey:
    """What an account is known by."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        numbers = key.public_key().public_numbers()
        # In the order in which a thumbprint is made of it (RFC 7638).
        self.jwk: Mapping[str, str] = {
            "crv": "P-256",
            "kty": "EC",
            "x": encoded(numbers.x.to_bytes(_BYTES)),
            "y": encoded(numbers.y.to_bytes(_BYTES)),
        }
        self.thumbprint = encoded(hashlib.sha256(orjson.dumps(self.jwk)).digest())

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Read it; make it the first time."""
        text = read_or_create(path, lambda: as_pem(new_key()))
        key = serialization.load_pem_private_key(text.encode("ascii"), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101
        return cls(key)

    def authorization(self, token: str) -> str:
        """What proves to the authority that this account was meant (RFC 8555, 8.1)."""
        return f"{token}.{self.thumbprint}"

    def signed(self, payload: object, protected: Mapping[str, Any]) -> bytes:
        """Sign a message; None is the empty one, with which ACME reads."""
        head = encoded(orjson.dumps({"alg": "ES256", **protected}))
        body = "" if payload is None else encoded(orjson.dumps(payload))
        der = self._key.sign(f"{head}.{body}".encode("ascii"), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        signature = encoded(r.to_bytes(_BYTES) + s.to_bytes(_BYTES))
        return orjson.dumps({"protected": head, "payload": body, "signature": signature})
