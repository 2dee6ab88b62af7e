"""Codes of an authenticator app: RFC 6238 with SHA-1, six digits, steps of 30 seconds.

Only these parameters, for every app knows them. Nothing here remembers a code; see second_steps.
"""

import base64
import hmac
import secrets
from typing import Final
from urllib.parse import quote

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
# A phone's clock may be this many steps off, to either side.
DRIFT_STEPS: Final = 1


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """The code of a step, counted from 1970."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: bytes, code: str, now: float) -> int | None:
    """The newest step near `now` (seconds) whose code this is."""
    here = int(now) // STEP_SECONDS
    found = None
    for step in range(here - DRIFT_STEPS, here + DRIFT_STEPS + 1):
        if secrets.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def typed(secret: bytes) -> str:
    """The secret as a person types it into an app, in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri(secret: bytes, issuer: str, account: str) -> str:
    """The address that an app reads from a QR code."""
    issuer = " ".join(issuer.replace(":", " ").split())
    label = quote(issuer) + ":" + quote(account)
    key = base64.b32encode(secret).decode()
    return f"otpauth://totp/{label}?secret={key}&issuer={quote(issuer)}"
