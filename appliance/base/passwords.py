"""Hash and verify passwords: slow on purpose, and two at a time at most.

Argon2id with 9 MiB, four passes, one lane, in the PHC text form. Of the pairs that OWASP advises as
equally strong, one that a computer of 512 MB does not feel:
https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html. Hashes by scrypt,
as older servers keep them ("salt:hash" in hex), can be verified, so that accounts can move in.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from appliance.base import cores

MEMORY_KIB: Final = 9 * 1024
PASSES: Final = 4
LANES: Final = 1
HASH_BYTES: Final = 32
SALT_BYTES: Final = 16
LONGEST: Final = 512
SCRYPT_BYTES: Final = 64
_SCRYPT_MEMORY: Final = 64 * 1024 * 1024
_ARGON2: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[\w+/]{16,}\$[\w+/]{16,}", re.A
)
# A hash says what it costs to verify, and may come from somebody else's folder or backup.
_MOST_KIB, _MOST_PASSES, _MOST_LANES = 64 * 1024, 16, 4
_SCRYPT: Final = re.compile(rf"[^:]+:[0-9a-fA-F]{{{2 * SCRYPT_BYTES}}}")
# For the whole process, whoever asks: a flood of logins takes 18 MiB and two cores, no more, and
# where there is one core, half of that. The event loop shares its core with a thread, not with all.
AT_ONCE: Final = min(2, len(cores.ALL))
_LINE: Final = ThreadPoolExecutor(AT_ONCE, "passwords", cores.anywhere)


async def hash_password(text: str) -> str:
    """Hash a password, in line behind all others."""
    return await asyncio.get_running_loop().run_in_executor(_LINE, hash_now, text)


async def verify_password(text: str, stored: str) -> bool:
    """Tell whether a password is the one that was hashed, in line behind all others."""
    return await asyncio.get_running_loop().run_in_executor(_LINE, verify_now, text, stored)


async def scrypt_digest(text: str, salt: str) -> bytes:
    """Hash as older servers do, in line behind all others; the salt is used as the text it is."""
    return await asyncio.get_running_loop().run_in_executor(_LINE, _scrypt, text, salt)


def is_current(stored: str) -> bool:
    """Tell whether a hash is of the kind made today."""
    return stored.startswith("$argon2id$")


def hash_now(text: str) -> str:
    """Hash a password; takes some 18 ms of one core and 9 MiB."""
    argon = Argon2id(
        salt=secrets.token_bytes(SALT_BYTES),
        length=HASH_BYTES,
        iterations=PASSES,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return argon.derive_phc_encoded(text.encode())


def verify_now(text: str, stored: str) -> bool:
    """Tell whether a password is the one that was hashed; False also for a damaged hash."""
    if len(text) > LONGEST:
        return False
    if is_current(stored):
        if not _is_affordable(stored):
            return False
        try:
            Argon2id.verify_phc_encoded(text.encode(), stored)
        except (InvalidKey, ValueError):
            return False
        return True
    return _verify_scrypt(text, stored)


def is_readable(stored: str) -> bool:
    """Tell whether this is a hash at all: some password could fit it."""
    return _is_affordable(stored) or bool(_SCRYPT.fullmatch(stored))


def _is_affordable(stored: str) -> bool:
    found = _ARGON2.fullmatch(stored)
    if found is None:
        return False
    kib, passes, lanes = map(int, found.groups())
    return kib <= _MOST_KIB and passes <= _MOST_PASSES and lanes <= _MOST_LANES


def _verify_scrypt(text: str, stored: str) -> bool:
    """Check "salt:hash", both in hex; the salt is used as the text it is."""
    salt, colon, expected = stored.partition(":")
    try:
        wanted = bytes.fromhex(expected)
    except ValueError:
        return False
    if not colon or len(wanted) != SCRYPT_BYTES:
        return False
    return hmac.compare_digest(_scrypt(text, salt), wanted)


def _scrypt(text: str, salt: str) -> bytes:
    return hashlib.scrypt(
        text.encode(),
        salt=salt.encode(),
        n=16384,
        r=8,
        p=1,
        maxmem=_SCRYPT_MEMORY,
        dklen=SCRYPT_BYTES,
    )
