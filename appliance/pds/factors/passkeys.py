"""Passkeys (WebAuthn): registered by a member, used in the place of the password or behind it.

In the place of the password a passkey has to have checked its user (a finger, a face, a PIN);
behind the password its presence is enough. Attestations are not asked for: any authenticator does.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.accounts import Account

CHALLENGE_SECONDS: Final = 300
MOST_PASSKEYS: Final = 20
LONGEST_NAME: Final = 60
LONGEST_ANSWER: Final = 20_000


class BadPasskey(ValueError):
    """The browser's answer is not a passkey of this account, or came too late."""

    xrpc_name = "AuthenticationRequired"

    def __init__(self) -> None:
        super().__init__("The passkey could not be verified")


class TooManyPasskeys(ValueError):
    """The account has as many as it may have."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class RelyingParty:
    """Who asks for a passkey: the name of this server, its host, and its origin."""

    name: str
    host: str
    origin: str

    @classmethod
    def of(cls, name: str, url: str) -> "RelyingParty":
        parts = urlsplit(url)
        return cls(name, parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


@dataclass(frozen=True)
class Passkey:
    """One passkey as its owner sees it; times in microseconds."""

    credential_id: bytes
    name: str
    created_at: int
    used_at: int | None

    @property
    def key(self) -> str:
        """The name of it in forms."""
        return self.credential_id.hex()


class Passkeys:
    """Register passkeys and check what they sign."""

    def __init__(self, db: Database, party: RelyingParty, clock: Clock) -> None:
        self._db = db
        self._party = party
        self._clock = clock
        self._challenges = _Challenges(clock.now)

    def list(self, did: Did) -> list[Passkey]:
        """The passkeys of an account, the oldest first."""
        rows = self._db.read(
            "SELECT credential_id, name, created_at, used_at FROM passkey WHERE did = ?", did
        )
        return sorted((Passkey(*row) for row in rows), key=lambda one: one.created_at)

    def registration(self, account: Account) -> str:
        """What the browser needs to make a passkey, as JSON."""
        from appliance.pds.factors import ceremonies  # read when somebody uses it

        return ceremonies.creation_options(
            self._party.host,
            self._party.name,
            (hashlib.sha256(account.did.encode()).digest(), account.handle),
            self._challenges.new(),
            [one.credential_id for one in self.list(account.did)],
        )

    async def register(self, account: Account, answer: str, name: str) -> None:
        """Keep the passkey that the browser made. Raises BadPasskey, TooManyPasskeys."""
        from appliance.pds.factors import ceremonies  # read when somebody uses it

        credential, challenge = self._read(answer)
        said = ceremonies.Answer(credential, challenge, self._party.host, self._party.origin)
        try:
            made = ceremonies.check_creation(said)
        except ceremonies.BadCeremony as bad:
            raise BadPasskey from bad
        self._challenges.use_up(challenge)
        name = name.strip()[:LONGEST_NAME] or "Passkey"
        row = (made.credential_id, account.did, made.credential_public_key, made.sign_count, name)
        await self._db.write(insert, row, self._clock.now_us())

    def request(self, did: Did | None = None) -> str:
        """What the browser needs to use a passkey: of this account, or of any, as JSON."""
        from appliance.pds.factors import ceremonies  # read when somebody uses it

        known = [] if did is None else [one.credential_id for one in self.list(did)]
        challenge = self._challenges.new()
        return ceremonies.request_options(self._party.host, challenge, known, checked=did is None)

    async def sign_in(self, answer: str) -> Did:
        """Tell who signed in with a passkey that checked its user. Raises BadPasskey."""
        return await self._verify(answer, user_verified=True)

    async def verify(self, did: Did, answer: str) -> None:
        """Check a passkey behind a password. Raises BadPasskey."""
        if await self._verify(answer, user_verified=False, expected=did) != did:
            raise BadPasskey

    async def rename(self, did: Did, key: str, name: str) -> None:
        await self._db.write(rename, did, _bytes(key), name.strip()[:LONGEST_NAME] or "Passkey")

    async def remove(self, did: Did, key: str) -> None:
        await self._db.write(remove, did, _bytes(key))

    async def _verify(
        self, answer: str, *, user_verified: bool, expected: Did | None = None
    ) -> Did:
        from appliance.pds.factors import ceremonies  # read when somebody uses it

        credential, challenge = self._read(answer)
        row = self._db.read_one(
            "SELECT did, public_key, sign_count, credential_id FROM passkey"
            " WHERE credential_id = ?",
            _raw_id(credential),
        )
        if row is None or (expected is not None and row[0] != expected):
            raise BadPasskey
        did, public_key, sign_count, credential_id = row
        try:
            said = ceremonies.Answer(credential, challenge, self._party.host, self._party.origin)
            checked = ceremonies.check_use(said, public_key, sign_count, checked=user_verified)
        except ceremonies.BadCeremony as bad:
            raise BadPasskey from bad
        self._challenges.use_up(challenge)
        now = self._clock.now_us()
        await self._db.write(note_use, credential_id, checked.new_sign_count, now)
        return Did.unchecked(did)

    def _read(self, answer: str) -> tuple[dict[str, Any], bytes]:
        """Read what a browser sent, and the challenge of ours that it answers."""
        if len(answer) > LONGEST_ANSWER:
            raise BadPasskey
        try:
            credential = json.loads(answer)
            client_data = json.loads(_from_base64url(credential["response"]["clientDataJSON"]))
            challenge = _from_base64url(client_data["challenge"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as bad:
            raise BadPasskey from bad
        if not self._challenges.is_good(challenge):
            raise BadPasskey
        return credential, challenge


class _Challenges:
    """What browsers are asked to sign: each is good once, for five minutes, until a restart.

    A challenge says itself until when it is good and that it is ours, so that asking for many
    costs nothing here; only those that a passkey has signed are remembered.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def new(self) -> bytes:
        end = int(self._now()) + CHALLENGE_SECONDS
        body = end.to_bytes(8, "big") + secrets.token_bytes(16)
        return body + self._seal(body)

    def is_good(self, challenge: bytes) -> bool:
        body, seal = challenge[:24], challenge[24:]
        ours = hmac.compare_digest(seal, self._seal(body))
        late = int.from_bytes(body[:8], "big") <= self._now()
        return ours and not late and challenge not in self._used

    def use_up(self, challenge: bytes) -> None:
        """Remember a challenge that was signed, for as long as it would be good."""
        now = self._now()
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
        self._used[challenge] = now + CHALLENGE_SECONDS

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")


def insert(conn: Connection, row: tuple[bytes, Did, bytes, int, str], now_us: int) -> None:
    """Keep a passkey. Raises TooManyPasskeys, BadPasskey if it is somebody's."""
    credential_id, did, *_ = row
    if conn.value("SELECT count(*) FROM passkey WHERE did = ?", did) >= MOST_PASSKEYS:
        raise TooManyPasskeys(f"An account has at most {MOST_PASSKEYS} passkeys")
    if conn.value("SELECT 1 FROM passkey WHERE credential_id = ?", credential_id):
        raise BadPasskey
    conn.execute(
        "INSERT INTO passkey (credential_id, did, public_key, sign_count, name, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (*row, now_us),
    )


def note_use(conn: Connection, credential_id: bytes, sign_count: int, now_us: int) -> None:
    conn.execute(
        "UPDATE passkey SET sign_count = ?, used_at = ? WHERE credential_id = ?",
        (sign_count, now_us, credential_id),
    )


def rename(conn: Connection, did: Did, credential_id: bytes, name: str) -> None:
    conn.execute(
        "UPDATE passkey SET name = ? WHERE did = ? AND credential_id = ?",
        (name, did, credential_id),
    )


def remove(conn: Connection, did: Did, credential_id: bytes) -> None:
    """Forget a passkey; with the last one, no passkey is asked for any more."""
    conn.execute("DELETE FROM passkey WHERE did = ? AND credential_id = ?", (did, credential_id))
    if not conn.value("SELECT 1 FROM passkey WHERE did = ?", did):
        conn.execute("UPDATE second_step SET passkey = 0 WHERE did = ?", (did,))


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode() + b"==")


def _raw_id(credential: dict[str, Any]) -> bytes:
    try:
        return _from_base64url(credential["rawId"])
    except (ValueError, LookupError, TypeError, AttributeError) as bad:
        raise BadPasskey from bad


def _bytes(key: str) -> bytes:
    try:
        return bytes.fromhex(key)
    except ValueError:
        return b""
