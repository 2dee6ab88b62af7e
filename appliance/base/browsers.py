"""What every page of ours asks of a browser, and the headers every page carries.

A page of another site must neither read nor change anything here: a form counts only if it was
sent from a page of ours, and no page of ours is shown inside another.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import web

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
FOR_EVER: Final = "public, max-age=31536000, immutable"
TOKEN_BYTES: Final = 32


def comes_from_here(request: web.Request) -> bool:
    """Tell whether a request that changes something was sent from a page of ours.

    Browsers say so in Sec-Fetch-Site, in Origin, or both; whoever says neither is no browser of
    today, and still needs the token of the form.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2].lower() == request.host.lower()


def is_https(request: web.Request, trusted_proxies: int) -> bool:
    """Tell whether the browser speaks TLS, as a proxy that we know says."""
    if trusted_proxies:
        return request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return request.secure


def safe_path(text: str, home: str = "/") -> str:
    """Return a path of ours to go on to; the home page for anything else."""
    ours = text.startswith("/") and not text.startswith("//")
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return text if ours and plain else home


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def form_token(cookie: str) -> str:
    """What a form of ours carries: made from the cookie, which no other site can read."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def is_form_token(given: str, cookie: str) -> bool:
    return bool(cookie) and hmac.compare_digest(given.encode(), form_token(cookie).encode())
