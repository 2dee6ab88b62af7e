"""The tables of second steps: what is switched on, recovery codes, and wrong answers.

After five wrong answers each further one doubles the time in which none is looked at, from 30
seconds to an hour. A passkey cannot be guessed and is not held up, so guessing locks nobody out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import Did
from appliance.base.database import Connection, Row
from appliance.pds import email_tokens
from appliance.pds.factors import totp

FREE_TRIES: Final = 5
FIRST_WAIT_US: Final = 30 * 1_000_000
LONGEST_WAIT_US: Final = 3600 * 1_000_000
RECOVERY_CODES: Final = 10

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"

STATE: Final = """
SELECT coalesce((SELECT confirmed FROM totp WHERE did = ?1), 0),
    coalesce((SELECT mail FROM second_step WHERE did = ?1), 0),
    coalesce((SELECT passkey FROM second_step WHERE did = ?1), 0),
    (SELECT count(*) FROM passkey WHERE did = ?1),
    (SELECT count(*) FROM recovery_code WHERE did = ?1)
"""


class AlreadyConfirmed(ValueError):
    """The account has an authenticator app already."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class SecondSteps:
    """What is switched on for an account."""

    totp: bool = False
    mail: bool = False
    passkey: bool = False
    passkeys: int = 0
    recovery_codes: int = 0

    @property
    def any(self) -> bool:
        """Whether the password alone does not do."""
        return self.totp or self.mail or self.passkey


@dataclass(frozen=True)
class Judgement:
    """Whether an answer was right; `wait_us` if it was not even looked at."""

    right: bool
    wait_us: int = 0


def state_of(row: Row | None) -> SecondSteps:
    if row is None:
        return SecondSteps()
    uses_totp, mail, passkey, passkeys, codes = row
    return SecondSteps(bool(uses_totp), bool(mail), bool(passkey and passkeys), passkeys, codes)


def load(conn: Connection, did: Did) -> SecondSteps:
    return state_of(conn.row(STATE, did))


def judge(conn: Connection, did: Did, answer: str, now_us: int) -> Judgement:
    """Look at a typed code: of an app, by mail, or for recovery. It is used up if right."""
    row = conn.row("SELECT failures, failed_at FROM second_step WHERE did = ?", did)
    failures, failed_at = row or (0, 0)
    wait_us = failed_at + wait_after(failures) - now_us
    if failures >= FREE_TRIES and wait_us > 0:
        return Judgement(right=False, wait_us=wait_us)
    right = _is_right(conn, did, answer, now_us)
    conn.execute("INSERT OR IGNORE INTO second_step (did) VALUES (?)", (did,))
    conn.execute(
        "UPDATE second_step SET failures = ?, failed_at = ? WHERE did = ?",
        (0 if right else failures + 1, 0 if right else now_us, did),
    )
    return Judgement(right)


def wait_after(failures: int) -> int:
    """How long nothing is looked at after so many wrong answers, in microseconds."""
    if failures < FREE_TRIES:
        return 0
    doublings = min(failures - FREE_TRIES, 20)
    return int(min(FIRST_WAIT_US << doublings, LONGEST_WAIT_US))


def begin_totp(conn: Connection, did: Did) -> bytes:
    """The secret of an app that is being set up: the same until it is confirmed.

    Raises AlreadyConfirmed: then nobody is shown it again.
    """
    row = conn.row("SELECT secret, confirmed FROM totp WHERE did = ?", did)
    if row is None:
        row = (totp.new_secret(), 0)
        conn.execute("INSERT INTO totp (did, secret) VALUES (?, ?)", (did, row[0]))
    secret, confirmed = row
    if confirmed:
        raise AlreadyConfirmed("An authenticator app is set up already")
    return bytes(secret)


def confirm_totp(conn: Connection, did: Did, code: str, now_us: int) -> bool:
    """Switch the app on if the code is right."""
    right = _use_totp(conn, did, code, now_us, confirmed=0)
    if right:
        conn.execute("UPDATE totp SET confirmed = 1 WHERE did = ?", (did,))
    return right


def remove_totp(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM totp WHERE did = ?", (did,))
    _tidy(conn, did)


def set_mail(conn: Connection, did: Did, wanted: bool) -> None:
    conn.execute("INSERT OR IGNORE INTO second_step (did) VALUES (?)", (did,))
    conn.execute("UPDATE second_step SET mail = ? WHERE did = ?", (int(wanted), did))
    _tidy(conn, did)


def set_passkey(conn: Connection, did: Did, wanted: bool) -> None:
    conn.execute("INSERT OR IGNORE INTO second_step (did) VALUES (?)", (did,))
    conn.execute("UPDATE second_step SET passkey = ? WHERE did = ?", (int(wanted), did))
    _tidy(conn, did)


def new_recovery_codes(conn: Connection, did: Did) -> list[str]:
    """Make ten codes in the place of those that are left."""
    codes = ["-".join(_letters(5) for _ in range(2)) for _ in range(RECOVERY_CODES)]
    conn.execute("DELETE FROM recovery_code WHERE did = ?", (did,))
    for code in codes:
        conn.execute(
            "INSERT INTO recovery_code (did, digest) VALUES (?, ?)", (did, _digest(did, code))
        )
    return codes


def delete_all(conn: Connection, did: Did) -> None:
    """Forget every factor of an account."""
    for table in ("second_step", "totp", "recovery_code", "passkey"):
        conn.execute(f"DELETE FROM {table} WHERE did = ?", (did,))  # noqa: S608


def _is_right(conn: Connection, did: Did, answer: str, now_us: int) -> bool:
    plain = "".join(answer.split())
    if plain.isascii() and plain.isdigit():
        return _use_totp(conn, did, plain, now_us, confirmed=1)
    return _use_recovery_code(conn, did, plain) or _use_mailed_code(conn, did, plain, now_us)


def _use_totp(conn: Connection, did: Did, code: str, now_us: int, *, confirmed: int) -> bool:
    row = conn.row(
        "SELECT secret, last_step FROM totp WHERE did = ? AND confirmed = ?", did, confirmed
    )
    if row is None:
        return False
    secret, last_step = row
    step = totp.matching_step(secret, code, now_us / 1_000_000)
    if step is None or step <= last_step:
        return False
    conn.execute("UPDATE totp SET last_step = ? WHERE did = ?", (step, did))
    return True


def _use_recovery_code(conn: Connection, did: Did, code: str) -> bool:
    row = (did, _digest(did, code.lower()))
    if not conn.value("SELECT 1 FROM recovery_code WHERE did = ? AND digest = ?", *row):
        return False
    conn.execute("DELETE FROM recovery_code WHERE did = ? AND digest = ?", row)
    return True


def _use_mailed_code(conn: Connection, did: Did, code: str, now_us: int) -> bool:
    if not load(conn, did).mail:
        return False
    try:
        email_tokens.use(conn, did, "sign_in", code, now_us)
    except (email_tokens.InvalidEmailToken, email_tokens.ExpiredEmailToken):
        return False
    return True


def _tidy(conn: Connection, did: Did) -> None:
    """Recovery codes stand in for a second step; without one they are gone."""
    if not load(conn, did).any:
        conn.execute("DELETE FROM recovery_code WHERE did = ?", (did,))


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _digest(did: Did, code: str) -> bytes:
    return hashlib.sha256(f"{did} {code}".encode()).digest()
