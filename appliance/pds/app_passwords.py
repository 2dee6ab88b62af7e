"""App passwords: named, revocable passwords that cannot touch the account itself."""

import hashlib
import re
import secrets
from dataclasses import dataclass

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.base.passwords import SCRYPT_BYTES, scrypt_digest

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_SHAPE = re.compile(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}")


class AppPasswordExists(ValueError):
    """The account has an app password of this name."""

    xrpc_name = "InvalidRequest"

    def __init__(self, name: str) -> None:
        super().__init__(f"an app password named {name!r} exists already")


@dataclass(frozen=True)
class AppPassword:
    """One app password, without its secret."""

    name: str
    privileged: bool
    created_at: int


class AppPasswordStore:
    """The app passwords of all accounts."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def create(self, did: Did, name: str, privileged: bool) -> tuple[AppPassword, str]:
        """Make one and return it with its secret, shown this once. Raises AppPasswordExists."""
        secret = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
        made = AppPassword(name, privileged, self._clock.now_us())
        await self._db.write(insert, did, made, _digest(did, secret))
        return made, secret

    def list(self, did: Did) -> list[AppPassword]:
        rows = self._db.read(
            "SELECT name, privileged, created_at FROM app_password WHERE did = ?", did
        )
        return sorted((_app_password(row) for row in rows), key=lambda one: -one.created_at)

    def is_there(self, did: Did, made_at: int) -> bool:
        """Whether an account still has the app password that was made then, in microseconds."""
        asked = "SELECT 1 FROM app_password WHERE did = ? AND created_at = ?"
        return self._db.read_one(asked, did, made_at) is not None

    async def match(self, did: Did, password: str) -> AppPassword | None:
        """The app password that this text is, if it is one.

        The secrets are 80 random bits, so a plain digest keeps them as well as a slow one would.
        Those that were made on a reference PDS are kept as they came.
        """
        if not _SHAPE.fullmatch(password):
            return None
        digests = [_digest(did, password)]
        rows = self._db.read(
            "SELECT name, privileged, created_at, password_hash FROM app_password WHERE did = ?",
            did,
        )
        if any(len(row[3]) == SCRYPT_BYTES for row in rows):
            salt = hashlib.sha256(did.encode()).digest()[:16].hex()
            digests.append(await scrypt_digest(password, salt))
        for row in rows:
            if any(secrets.compare_digest(row[3], digest) for digest in digests):
                return _app_password(row[:3])
        return None


def insert(conn: Connection, did: Did, one: AppPassword, digest: bytes) -> None:
    if conn.value("SELECT 1 FROM app_password WHERE did = ? AND name = ?", did, one.name):
        raise AppPasswordExists(one.name)
    conn.execute(
        "INSERT INTO app_password (did, name, password_hash, privileged, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (did, one.name, digest, int(one.privileged), one.created_at),
    )


def delete(conn: Connection, did: Did, name: str) -> None:
    conn.execute("DELETE FROM app_password WHERE did = ? AND name = ?", (did, name))


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM app_password WHERE did = ?", (did,))


def _digest(did: Did, password: str) -> bytes:
    return hashlib.sha256(f"{did} {password}".encode()).digest()


def _app_password(row: tuple[str, int, int]) -> AppPassword:
    name, privileged, created_at = row
    return AppPassword(name, bool(privileged), created_at)
