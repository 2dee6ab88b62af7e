"""What every request to the panel has to pass, and the headers every answer carries.

A page of another site must neither read nor change anything here: names that are not ours are
refused (DNS rebinding), and a form counts only if it was sent from a page of ours.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from appliance.settings import Settings

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it, browsers hide even from us where a form was sent from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FORM_TYPE: Final = "application/x-www-form-urlencoded"
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104
STANDARD_PORTS: Final = (80, 443)


class HostRule:
    """The names under which this panel may be asked."""

    def __init__(self, settings: Settings) -> None:
        self._port = settings.admin.port
        names = {*LOOPBACK_NAMES}
        if settings.admin.host not in ANY_ADDRESS:
            names.add(_bracketed(settings.admin.host.lower()))
        if settings.pds.hostname:
            names.add(settings.pds.hostname)
        self._names = frozenset(names)
        # An address typed as such cannot be made to mean another machine.
        self._any_address = settings.admin.host in ANY_ADDRESS

    def allows(self, host: str) -> bool:
        """Tell whether a Host header names us, with our port (or none, where that is ours)."""
        name, port = _parted(host.lower())
        if port is None:
            right_port = self._port in (0, *STANDARD_PORTS) or name in LOOPBACK_NAMES
        else:
            right_port = port == str(self._port)
        return right_port and (name in self._names or (self._any_address and _is_address(name)))


def comes_from_here(request: web.Request) -> bool:
    """Tell whether a request that changes something was sent from a page of ours.

    Browsers say so in Sec-Fetch-Site, in Origin, or both; whoever says neither is no browser of
    today, and still needs the token of the form.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()


def is_https(request: web.Request, settings: Settings) -> bool:
    """Tell whether the browser speaks TLS, as a proxy that we know says."""
    if settings.network.trusted_proxies:
        return request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return request.secure


def address_of(request: web.Request, settings: Settings) -> str:
    """Tell who is asking, for counting tries: behind known proxies, whom the outermost names."""
    proxies = settings.network.trusted_proxies
    if proxies:
        named = request.headers.get("X-Forwarded-For", "").split(",")
        if len(named) >= proxies:
            return named[-proxies].strip()
    return request.remote or "local"


def safe_path(text: str) -> str:
    """Return a path of ours to go on to; the home page for anything else."""
    parts = urlsplit(text)
    ours = text.startswith("/") and not text.startswith("//")
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return text if ours and plain and not parts.scheme and not parts.netloc else "/"


def _parted(host: str) -> tuple[str, str | None]:
    """Part "name:port"; an IPv6 address stands in brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, None
    return name, port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
