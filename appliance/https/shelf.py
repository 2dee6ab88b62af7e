"""The certificates that are here: a file for each name, with its key, and what TLS shows of it.

What is put here is shown to whoever connects next; nothing has to start anew. A file that cannot
be read is as good as none: its certificate is got anew.
"""

import logging
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from appliance.base.secret_files import replace_secret

log = logging.getLogger(__name__)

# What aiohttp speaks.
PROTOCOLS: Final = ("http/1.1",)
_ENDING: Final = ".pem"
_STAR: Final = "_"


@dataclass(frozen=True)
class Certificate:
    """One that is here. Times are seconds since 1970."""

    names: tuple[str, ...]
    begins: float
    ends: float
    context: ssl.SSLContext

    @property
    def renewed_at(self) -> float:
        """When only a third of its life is left."""
        return self.ends - (self.ends - self.begins) / 3

    def is_due(self, now: float) -> bool:
        return now > self.renewed_at


class Shelf:
    """All of them, by the name they were got for ("*.example.com" for any below)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certificates: dict[str, Certificate] = {}

    def load(self) -> None:
        """Read what is kept."""
        for path in sorted(self._folder.glob(f"*{_ENDING}")):
            name = path.name.removesuffix(_ENDING).replace(_STAR, "*", 1)
            try:
                self._certificates[name] = read(path, path)
            except (ValueError, OSError) as problem:
                log.warning("certificate cannot be read name=%s: %s", name, problem)

    def put(self, name: str, chain: str, key: str) -> Certificate:
        """Keep one and show it from now on; it replaces the one before. Raises ValueError."""
        path = self._folder / f"{name.replace('*', _STAR)}{_ENDING}"
        replace_secret(path, f"{key.strip()}\n{chain.strip()}")
        self._certificates[name] = found = read(path, path)
        return found

    def show(self, name: str, certificate: Certificate) -> None:
        """Show one that is kept elsewhere."""
        self._certificates[name] = certificate

    def drop(self, name: str) -> None:
        """Forget one, its file too."""
        if self._certificates.pop(name, None) is not None:
            (self._folder / f"{name.replace('*', _STAR)}{_ENDING}").unlink(missing_ok=True)

    def get(self, name: str) -> Certificate | None:
        """Give the one that was got for exactly this."""
        return self._certificates.get(name)

    def covering(self, name: str, now: float) -> Certificate | None:
        """Give one that is good for a host name: its own, or that of all below its domain."""
        for known in (name, f"*.{name.partition('.')[2]}"):
            found = self._certificates.get(known)
            if found is not None and found.begins - 3600 < now < found.ends:
                return found
        return None

    def first(self) -> Certificate | None:
        """Give any, for who does not say which."""
        return next(iter(self._certificates.values()), None)

    def __iter__(self) -> Iterator[tuple[str, Certificate]]:
        return iter(sorted(self._certificates.items()))


def read(chain: Path, key: Path) -> Certificate:
    """Read a certificate, those between, and its key. Raises ValueError, OSError."""
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    try:
        context = context_of(chain, key, PROTOCOLS)
    except ssl.SSLError as problem:
        raise ValueError(f"certificate and key do not fit: {problem.reason}") from problem
    return Certificate(
        names_in(leaf),
        leaf.not_valid_before_utc.timestamp(),
        leaf.not_valid_after_utc.timestamp(),
        context,
    )


def context_of(chain: Path, key: Path, protocols: Sequence[str]) -> ssl.SSLContext:
    """Make what a server shows; TLS 1.2 is the oldest. Raises ssl.SSLError, OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(list(protocols))
    return context


def names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """Give the host names that a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value.get_values_for_type(x509.DNSName))
