"""Signatures of Ed25519 in the form of minisign, so that its own program can check and make them.

Only the prehashed form is read: what is signed is the BLAKE2b-512 of the content. Secret keys are
those of `minisign -G -W`, without a passphrase: the file is to be kept as one keeps a passphrase.

Source: https://jedisct1.github.io/minisign/ (formats of signatures, public and secret keys).
"""

import hashlib
import secrets
from base64 import b64decode, b64encode
from binascii import Error as InvalidBase64
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY: Final = b"Ed"
_PREHASHED: Final = b"ED"
_UNTRUSTED: Final = "untrusted comment: "
_TRUSTED: Final = "trusted comment: "
# No passphrase, so no salt and no limits for the function that would stretch it.
_PLAIN_SECRET: Final = _KEY + b"\0\0" + b"B2" + bytes(32 + 8 + 8)


class NotSigned(Exception):
    """A signature is missing, not of a key that is trusted, or not of this content."""


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys of who may publish, by the eight bytes that name each."""

    keys: dict[bytes, bytes]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a file of one or more public keys. Raises NotSigned."""
        keys = {}
        for line in text.splitlines():
            if line.strip() and not line.startswith(_UNTRUSTED):
                raw = _decoded(line, 42, "a public key")
                if raw[:2] != _KEY:
                    raise NotSigned("a public key is of a kind that is not known here")
                keys[raw[2:10]] = raw[10:]
        if not keys:
            raise NotSigned("there is no public key to check signatures by")
        return cls(keys)

    def check(self, content: bytes, signature: str) -> str:
        """Prove content by its signature; return the comment it vouches for. Raises NotSigned."""
        lines = signature.splitlines()
        if len(lines) != 4 or not lines[2].startswith(_TRUSTED):
            raise NotSigned("the signature is not in the form of minisign")
        raw = _decoded(lines[1], 74, "the signature")
        key = self.keys.get(raw[2:10])
        if raw[:2] != _PREHASHED or key is None:
            raise NotSigned("the signature is not of a key that is trusted here")
        comment = lines[2].removeprefix(_TRUSTED)
        public = Ed25519PublicKey.from_public_bytes(key)
        try:
            public.verify(raw[10:], hashlib.blake2b(content).digest())
            public.verify(_decoded(lines[3], 64, "the signature"), raw[10:] + comment.encode())
        except InvalidSignature:
            raise NotSigned("the signature does not fit what it stands beside") from None
        return comment


@dataclass(frozen=True)
class PublisherKey:
    """A secret key, with the eight bytes that name it."""

    name: bytes
    seed: bytes

    @classmethod
    def generate(cls) -> Self:
        return cls(secrets.token_bytes(8), secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a secret key without a passphrase. Raises NotSigned."""
        line = next((each for each in text.splitlines() if not each.startswith(_UNTRUSTED)), "")
        raw = _decoded(line, 158, "a secret key")
        if raw[:4] != _PLAIN_SECRET[:4]:
            raise NotSigned("the secret key has a passphrase; sign with minisign -S -m instead")
        found = cls(raw[54:62], raw[62:94])
        if raw[54:126] != found._packed()[54:126]:
            raise NotSigned("the secret key is damaged")
        return found

    @property
    def secret_text(self) -> str:
        """The file of the secret key."""
        return f"{_UNTRUSTED}secret key of a publisher\n{_text(self._packed())}\n"

    @property
    def public_text(self) -> str:
        """The file of the public key."""
        return f"{_UNTRUSTED}public key of a publisher\n{_text(_KEY + self.name + self._public)}\n"

    def sign(self, content: bytes, comment: str) -> str:
        """Write the signature of content, vouching for a comment of one line."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = key.sign(hashlib.blake2b(content).digest())
        both = key.sign(signature + comment.encode())
        named = _text(_PREHASHED + self.name + signature)
        return f"{_UNTRUSTED}{comment}\n{named}\n{_TRUSTED}{comment}\n{_text(both)}\n"

    @property
    def _public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def _packed(self) -> bytes:
        # Where there is no passphrase to have been mistyped, there is no check sum.
        return _PLAIN_SECRET + self.name + self.seed + self._public + bytes(32)


def _text(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _decoded(text: str, size: int, what: str) -> bytes:
    try:
        raw = b64decode(text.strip(), validate=True)
    except (InvalidBase64, ValueError):
        raw = b""
    if len(raw) != size:
        raise NotSigned(f"{what} is damaged")
    return raw
