"""One-time codes sent by mail: prove that whoever asks also reads the account's mail."""

import secrets
from typing import Literal

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database

Purpose = Literal[
    "confirm_email", "update_email", "reset_password", "delete_account", "plc_operation", "sign_in"
]

VALID_US = 15 * 60 * 1_000_000
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class InvalidEmailToken(ValueError):
    """No such code was sent, or it has been used."""

    xrpc_name = "InvalidToken"

    def __init__(self) -> None:
        super().__init__("Token is invalid")


class ExpiredEmailToken(ValueError):
    """The code was sent too long ago."""

    xrpc_name = "ExpiredToken"

    def __init__(self) -> None:
        super().__init__("Token is expired")


class EmailTokens:
    """Issue codes; the module's functions check and use them up inside a transaction."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def issue(self, did: Did, purpose: Purpose) -> str:
        """Make a new code; an older one for the same purpose is void from then on."""
        token = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2))
        await self._db.write(insert, did, purpose, token, self._clock.now_us())
        return token

    async def use(self, did: Did, purpose: Purpose, token: str) -> None:
        """Raises InvalidEmailToken or ExpiredEmailToken."""
        await self._db.write(use, did, purpose, token, self._clock.now_us())


def insert(conn: Connection, did: Did, purpose: Purpose, token: str, now_us: int) -> None:
    conn.execute(
        "INSERT OR REPLACE INTO email_token (did, purpose, token, requested_at)"
        " VALUES (?, ?, ?, ?)",
        (did, purpose, token, now_us),
    )


def use(conn: Connection, did: Did, purpose: Purpose, token: str, now_us: int) -> None:
    """Use a code up, in any case of its letters."""
    if use_unnamed(conn, purpose, token, now_us) != did:
        raise InvalidEmailToken


def use_unnamed(conn: Connection, purpose: Purpose, token: str, now_us: int) -> Did:
    """Use up a code from somebody who has not said who they are; return whose it is."""
    row = conn.row(
        "SELECT did, requested_at FROM email_token WHERE purpose = ? AND token = ?",
        purpose,
        token.strip().upper(),
    )
    if row is None:
        raise InvalidEmailToken
    did, requested_at = row
    if requested_at + VALID_US < now_us:
        raise ExpiredEmailToken
    delete(conn, Did.unchecked(did), purpose)
    return Did.unchecked(did)


def delete(conn: Connection, did: Did, purpose: Purpose) -> None:
    conn.execute("DELETE FROM email_token WHERE did = ? AND purpose = ?", (did, purpose))


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM email_token WHERE did = ?", (did,))
