"""What a browser lets the client do: the headers of its pages."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

# Scripts with an address are known by it; those written into the page by their hash.
_INLINE: Final = re.compile(rb"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script>", re.S | re.I)

ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def headers(page: bytes, ours: Iterable[str], *, outside: bool) -> Mapping[str, str]:
    """Make the headers for a client whose front page is `page`.

    It may talk to the addresses in `ours`, and to others only if `outside`. What a member chooses
    to play (a video on its site, say) may be framed in any case.
    """
    origins = " ".join(sorted({_origin(url) for url in ours}))
    known = f"'self' {origins} https:" if outside else f"'self' {origins}"
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(found).digest()).decode()}'"
        for found in _INLINE.findall(page)
    )
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' 'wasm-unsafe-eval' {hashes}".rstrip(),
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "img-src": f"{known} data: blob:",
        "media-src": f"{known} data: blob:",
        "connect-src": f"{known} data: blob:",
        "worker-src": "'self' blob:",
        "manifest-src": "'self'",
        "frame-src": "https:",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    policy = "; ".join(f"{name} {value}" for name, value in rules.items())
    return {**ALWAYS, "Content-Security-Policy": policy}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
