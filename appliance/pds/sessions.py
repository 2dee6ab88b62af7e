"""Password sessions: the tokens a client holds, and how they are renewed and revoked.

Access tokens are not stored: they are checked by their signature and live two hours. One ends
before when a session of its account is ended from elsewhere (each names the generation it is of),
or with the app password that it came by. Refresh tokens are rows; each is used once, with a grace
time in which it gives the same successor again.
"""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from appliance.atproto import jwt
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds import accounts, app_passwords
from appliance.pds.app_passwords import AppPassword

SessionKind = Literal["full", "app_pass", "app_pass_privileged", "takendown"]

ACCESS_TYP = "at+jwt"
REFRESH_TYP = "refresh+jwt"
ACCESS_SECONDS = 2 * 3600
REFRESH_SECONDS = 90 * 86_400
GRACE_SECONDS = 2 * 3600

_REFRESH_SCOPE = "com.atproto.refresh"
_SCOPES: dict[SessionKind, str] = {
    "full": "com.atproto.access",
    "app_pass": "com.atproto.appPass",
    "app_pass_privileged": "com.atproto.appPassPrivileged",
    "takendown": "com.atproto.takendown",
}
_KINDS: dict[str, SessionKind] = {scope: kind for kind, scope in _SCOPES.items()}
_CACHED_TOKENS = 4096


class BadSessionToken(ValueError):
    """Not a token of this server, or not of the kind asked for."""

    xrpc_name = "InvalidToken"

    def __init__(self, message: str = "Token could not be verified") -> None:
        super().__init__(message)


class ExpiredSessionToken(ValueError):
    """A token of this server that is over: too old, used up or revoked."""

    xrpc_name = "ExpiredToken"

    def __init__(self, message: str = "Token has expired") -> None:
        super().__init__(message)


@dataclass(frozen=True)
class AccessClaims:
    """What a valid access token says; `expires_at` in seconds.

    `app_password`: when the one was made by which it came, in microseconds; 0 for none.
    """

    did: Did
    kind: SessionKind
    expires_at: int
    generation: int = 0
    app_password: int = 0


@dataclass(frozen=True)
class RefreshClaims:
    """What a valid refresh token says."""

    did: Did
    jti: str


@dataclass(frozen=True)
class SessionTokens:
    """The pair handed to a client."""

    access_jwt: str
    refresh_jwt: str


@dataclass(frozen=True)
class OpenSession:
    """An app that is signed in; `key` is no secret, `renewed_at` in seconds."""

    key: str
    app_password: str | None
    renewed_at: int


class TokenMint:
    """Make and check the HS256 tokens of this server."""

    def __init__(self, secret: bytes, service_did: Did, clock: Clock) -> None:
        self._secret = secret
        self._service_did = service_did
        self._clock = clock
        self._checked: OrderedDict[str, AccessClaims] = OrderedDict()

    def access(
        self, did: Did, kind: SessionKind, generation: int = 0, app_password: int = 0
    ) -> str:
        """Make an access token; what it ends with besides its time is as in AccessClaims."""
        now = int(self._clock.now())
        claims: JsonObject = {
            "scope": _SCOPES[kind],
            "aud": self._service_did,
            "sub": did,
            "iat": now,
            "exp": now + ACCESS_SECONDS,
        }
        claims |= {
            name: number for name, number in (("gen", generation), ("app", app_password)) if number
        }
        return jwt.encode_hs256(self._secret, ACCESS_TYP, claims)

    def refresh(self, did: Did, jti: str, expires_at: int) -> str:
        """Make a refresh token; `expires_at` in seconds."""
        claims = {
            "scope": _REFRESH_SCOPE,
            "aud": self._service_did,
            "sub": did,
            "jti": jti,
            "iat": int(self._clock.now()),
            "exp": expires_at,
        }
        return jwt.encode_hs256(self._secret, REFRESH_TYP, claims)

    def check_access(self, token: str) -> AccessClaims:
        """Raises BadSessionToken or ExpiredSessionToken."""
        claims = self._checked.get(token)
        if claims is None:
            claims = self._read_access(token)
            self._checked[token] = claims
            if len(self._checked) > _CACHED_TOKENS:
                self._checked.popitem(last=False)
        if claims.expires_at <= self._clock.now():
            raise ExpiredSessionToken
        return claims

    def check_refresh(self, token: str, *, allow_expired: bool = False) -> RefreshClaims:
        """Raises BadSessionToken, or ExpiredSessionToken unless that is allowed."""
        claims = self._claims(token, REFRESH_TYP)
        jti = claims.get("jti")
        if claims.get("scope") != _REFRESH_SCOPE or not isinstance(jti, str):
            raise BadSessionToken
        if claims["exp"] <= self._clock.now() and not allow_expired:
            raise ExpiredSessionToken
        return RefreshClaims(Did.unchecked(claims["sub"]), jti)

    def _read_access(self, token: str) -> AccessClaims:
        claims = self._claims(token, ACCESS_TYP)
        kind = _KINDS.get(str(claims.get("scope")))
        numbers = [claims.get(name, 0) for name in ("gen", "app")]
        if kind is None or any(type(number) is not int for number in numbers):
            raise BadSessionToken("Bad token scope")
        return AccessClaims(Did.unchecked(claims["sub"]), kind, claims["exp"], *numbers)

    def _claims(self, token: str, typ: str) -> JsonObject:
        try:
            claims = jwt.decode_hs256(self._secret, token, typ)
        except jwt.InvalidToken as bad:
            raise BadSessionToken from bad
        if (
            claims.get("aud") != self._service_did
            or not str(claims.get("sub")).startswith("did:")
            or not isinstance(claims.get("exp"), int)
            # Bound to a key: good only with a proof, which a bearer does not give.
            or "cnf" in claims
        ):
            raise BadSessionToken
        return claims


class SessionStore:
    """Begin, renew and end sessions."""

    def __init__(self, db: Database, mint: TokenMint, clock: Clock) -> None:
        self._db = db
        self._mint = mint
        self._clock = clock
        self.begun = 0

    async def begin(
        self, did: Did, app_password: AppPassword | None = None, *, takendown: bool = False
    ) -> SessionTokens:
        jti, expires_at = new_jti(), int(self._clock.now()) + REFRESH_SECONDS
        name = app_password.name if app_password else None
        generation = await self._db.write(insert, jti, did, name, expires_at)
        self.begun += 1
        kind: SessionKind = "takendown" if takendown else kind_of(app_password)
        made_at = app_password.created_at if app_password else 0
        access = self._mint.access(did, kind, generation, made_at)
        return SessionTokens(access, self._mint.refresh(did, jti, expires_at))

    async def renew(self, claims: RefreshClaims) -> SessionTokens:
        """Exchange a refresh token for the next pair. Raises ExpiredSessionToken if revoked."""
        step = await self._db.write(rotate, claims, int(self._clock.now()))
        return SessionTokens(
            self._mint.access(claims.did, step.kind, step.generation, step.app_password),
            self._mint.refresh(claims.did, step.jti, step.expires_at),
        )

    async def end(self, claims: RefreshClaims) -> None:
        await self._db.write(revoke, claims)

    async def revoke_app_password(self, did: Did, name: str) -> None:
        """Delete an app password and end the sessions begun with it."""
        await self._db.write(revoke_app_password, did, name)

    def open(self, did: Did) -> list[OpenSession]:
        """The apps that are signed in, the one that renewed its session last first."""
        rows = self._db.read(
            "SELECT jti, app_password, expires_at FROM refresh_token"
            " WHERE did = ? AND next_jti IS NULL AND expires_at > ?",
            did,
            int(self._clock.now()),
        )
        found = (OpenSession(_key(jti), name, end - REFRESH_SECONDS) for jti, name, end in rows)
        return sorted(found, key=lambda one: -one.renewed_at)

    async def end_open(self, did: Did, key: str) -> None:
        """Sign one app out, at once; the others refresh their tokens."""
        await self._db.write(end_open, did, key)


@dataclass(frozen=True)
class Rotation:
    """The successor of a refresh token."""

    jti: str
    kind: SessionKind
    expires_at: int
    generation: int
    app_password: int


def kind_of(app_password: AppPassword | None) -> SessionKind:
    if app_password is None:
        return "full"
    return "app_pass_privileged" if app_password.privileged else "app_pass"


def new_jti() -> str:
    return secrets.token_urlsafe(32)


def insert(conn: Connection, jti: str, did: Did, app_password: str | None, expires_at: int) -> int:
    """Store a refresh token, unless it is there already; give the generation it is of. Seconds."""
    conn.execute(
        "INSERT OR IGNORE INTO refresh_token (jti, did, app_password, expires_at)"
        " VALUES (?, ?, ?, ?)",
        (jti, did, app_password, expires_at),
    )
    return accounts.session_generation(conn, did)


def rotate(conn: Connection, claims: RefreshClaims, now: int) -> Rotation:
    """Give a token its successor, the same one each time within the grace time."""
    row = conn.row(
        "SELECT t.app_password, t.next_jti, t.expires_at, p.privileged,"
        " coalesce(p.created_at, 0) FROM refresh_token t"
        " LEFT JOIN app_password p ON p.did = t.did AND p.name = t.app_password"
        " WHERE t.jti = ? AND t.did = ?",
        claims.jti,
        claims.did,
    )
    if row is None or row[2] <= now:
        raise ExpiredSessionToken("Token has been revoked")
    app_password, next_jti, expires_at, privileged, made_at = row
    if next_jti is None:
        next_jti = new_jti()
        conn.execute(
            "UPDATE refresh_token SET next_jti = ?, expires_at = ? WHERE jti = ?",
            (next_jti, min(expires_at, now + GRACE_SECONDS), claims.jti),
        )
        insert(conn, next_jti, claims.did, app_password, now + REFRESH_SECONDS)
        conn.execute("DELETE FROM refresh_token WHERE expires_at <= ?", (now,))
    until = conn.value("SELECT expires_at FROM refresh_token WHERE jti = ?", next_jti)
    if until is None:
        raise ExpiredSessionToken("Token has been revoked")
    kind: SessionKind = "full"
    if app_password is not None:
        kind = "app_pass_privileged" if privileged else "app_pass"
    generation = accounts.session_generation(conn, claims.did)
    return Rotation(next_jti, kind, until, generation, made_at)


def revoke(conn: Connection, claims: RefreshClaims) -> None:
    """End a session: its token, and the one that token replaced."""
    conn.execute(
        "DELETE FROM refresh_token WHERE did = ? AND (jti = ? OR next_jti = ?)",
        (claims.did, claims.jti, claims.jti),
    )


def end_open(conn: Connection, did: Did, key: str) -> None:
    """End the session of this key, and what its token replaced."""
    for (jti,) in conn.rows("SELECT jti FROM refresh_token WHERE did = ?", did):
        if _key(jti) == key:
            revoke(conn, RefreshClaims(did, jti))
    accounts.end_access(conn, did)


def revoke_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM refresh_token WHERE did = ?", (did,))
    accounts.end_access(conn, did)


def revoke_app_password(conn: Connection, did: Did, name: str) -> None:
    app_passwords.delete(conn, did, name)
    conn.execute("DELETE FROM refresh_token WHERE did = ? AND app_password = ?", (did, name))


def _key(jti: str) -> str:
    return hashlib.sha256(jti.encode()).hexdigest()
