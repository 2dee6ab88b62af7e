"""What is shown while an authority looks: a text by http, or a certificate of its own by TLS."""

import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from appliance.https.acme import Challenge
from appliance.https.requests import proof_for
from appliance.https.shelf import context_of

ACME_TLS: Final = "acme-tls/1"


class HttpProofs:
    """HTTP-01 (RFC 8555, 8.3): texts under /.well-known/acme-challenge/, at port 80."""

    kind = "http-01"

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    @asynccontextmanager
    async def shown(self, challenge: Challenge) -> AsyncIterator[None]:
        self._texts[challenge.token] = challenge.authorization
        try:
            yield
        finally:
            del self._texts[challenge.token]

    def text(self, token: str) -> str | None:
        """Give what is shown for a token just now."""
        return self._texts.get(token)


class TlsProofs:
    """TLS-ALPN-01 (RFC 8737): a certificate for those who speak acme-tls/1, at port 443."""

    kind = "tls-alpn-01"

    def __init__(self) -> None:
        self._contexts: dict[str, ssl.SSLContext] = {}

    @asynccontextmanager
    async def shown(self, challenge: Challenge) -> AsyncIterator[None]:
        self._contexts[challenge.name] = _context(
            *proof_for(challenge.name, challenge.authorization)
        )
        try:
            yield
        finally:
            del self._contexts[challenge.name]

    def context(self, name: str) -> ssl.SSLContext | None:
        """Give what is shown for a name just now."""
        return self._contexts.get(name)


def _context(certificate: str, key: str) -> ssl.SSLContext:
    """Python's TLS reads certificates from files only."""
    with tempfile.TemporaryDirectory(prefix="hearth-") as folder:
        path = Path(folder) / "proof.pem"
        path.write_text(key + certificate, "ascii")
        return context_of(path, path, (ACME_TLS,))
