"""The certificate shown under a name: for which names, until when, signed by whom.

It is looked at twice: once whatever it is, so that it can be told what is wrong with it, and once
as a browser would.
"""

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from appliance.upkeep.checkup import Finding, Level

SECONDS: Final = 8.0
# A certificate is renewed when a third of its life is left; at a fifth, nobody did.
LEFT_TOO_LITTLE: Final = 5
# OpenSSL's numbers: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_NOT_YET, _EXPIRED, _OTHER_NAME = 9, 10, 62


class NotTls(Exception):
    """What answers does not speak TLS."""


@dataclass(frozen=True)
class Shown:
    """A certificate, and why it is not to be trusted; `fault` is 0 where it is."""

    certificate: bytes
    fault: int
    reason: str

    @property
    def pin(self) -> bytes:
        """Its SHA-256."""
        return hashlib.sha256(self.certificate).digest()


async def show(address: str, port: int, name: str) -> Shown:
    """See the certificate that is shown for a name. Raises NotTls, OSError, TimeoutError."""
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    try:
        certificate = await _handshake(address, port, name, anything)
    except ssl.SSLError as problem:
        raise NotTls(problem.reason or str(problem)) from problem
    except ConnectionResetError as problem:
        raise NotTls("it hangs up") from problem
    try:
        await _handshake(address, port, name, ssl.create_default_context())
    except ssl.SSLCertVerificationError as problem:
        return Shown(certificate, problem.verify_code, problem.verify_message)
    return Shown(certificate, 0, "")


async def _handshake(address: str, port: int, name: str, context: ssl.SSLContext) -> bytes:
    async with asyncio.timeout(SECONDS):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return bytes(shown)


def judge(name: str, shown: Shown, now: float) -> Finding | None:
    """Say what is wrong with a certificate; None where nothing is."""
    certificate = x509.load_der_x509_certificate(shown.certificate)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if shown.fault in (_NOT_YET, _EXPIRED):
        return _finding(
            name,
            f"it is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}",
            "one that is valid today",
            "renew it, see why that did not happen by itself, and that the clock is right",
            "tls-expired",
        )
    if shown.fault == _OTHER_NAME:
        return _finding(
            name,
            f"it is for {_names(certificate)}",
            f"one for {name}",
            "have one made for this name, where TLS ends: the proxy, the tunnel, or Hearth",
            "tls-name",
        )
    if shown.fault:
        return _finding(
            name,
            f"browsers do not trust it: {shown.reason}",
            "one signed by an authority that browsers know, with the certificates in between",
            "let the proxy serve the full chain (fullchain.pem), not the certificate alone; one"
            " you signed yourself serves nobody but you",
            "tls-chain",
        )
    left = end - datetime.fromtimestamp(now, UTC)
    if left < (end - begin) / LEFT_TOO_LITTLE:
        return _finding(
            name,
            f"it runs out on {end:%Y-%m-%d}, in {left.days} days",
            "one that was renewed in time",
            "see why it is not renewed by itself: look at the log of what gets it",
            "tls-expiring",
            "warn",
        )
    return None


def not_tls(name: str, problem: NotTls) -> Finding:
    """What to say when TLS is not spoken."""
    return _finding(
        name,
        f"none is shown: {problem}",
        "TLS, with a certificate",
        "see that the port leads to the proxy's port for https, not to one without TLS",
        "tls-none",
    )


def for_handles(handle: str, found: Finding) -> Finding:
    """What to say when the name of a member's handle has a worse certificate than the server's."""
    return Finding(
        "Certificate of handles",
        "bad",
        f"for {handle}: {found.seen}",
        "one that covers every handle, so that they can be looked up",
        "get a wildcard certificate, or have the proxy get one for each handle when it is asked",
        "tls-handles",
    )


def _finding(
    name: str, seen: str, expected: str, remedy: str, cause: str, level: Level = "bad"
) -> Finding:
    return Finding(f"Certificate of {name}", level, seen, expected, remedy, cause)


def _names(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return "no name"
    names = found.value.get_values_for_type(x509.DNSName)
    return ", ".join(names[:5]) or "no name"
