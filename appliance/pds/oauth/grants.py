"""What members granted to apps: from the code to the last refresh.

The tokens of a grant have a generation; each refresh makes the next. The one before still counts
for two minutes, as honest apps refresh twice at once, and until the newest is used, as the answer
may have been lost on its way to a telephone that fell asleep: it gives the same successor again.
Whatever is older is stolen, and ends the grant. A generation that is newer than ours was given
before a backup was restored: only this server can have made it, so it counts, and numbers go on
behind it.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.oauth import requests, seen
from appliance.pds.oauth.errors import InvalidGrant
from appliance.pds.oauth.requests import PendingRequest, RequestGone
from appliance.pds.oauth.tokens import RefreshName, digest_of, new_code, new_id

_US: Final = 1_000_000
DAY_US: Final = 86_400 * _US
CODE_US: Final = 60 * _US
# A public client's session ends after two weeks, whatever it does; another's if it is not used.
PUBLIC_US: Final = 14 * DAY_US
UNUSED_US: Final = 180 * DAY_US
GRACE_US: Final = 120 * _US
CHALLENGE_US: Final = DAY_US
MOST_KEPT: Final = 1000
_TABLE: Final = "oauth_grant"


@dataclass(frozen=True)
class Grant:
    """What one app was granted; times in microseconds. `generation` 0: its code waits.

    `used`: the newest generation that was seen in a call.
    """

    id: str
    did: Did
    client_id: str
    scope: str
    permissions: str
    dpop_jkt: str
    client_key: str | None
    code_challenge: str
    redirect_uri: str
    generation: int
    created_at: int
    renewed_at: int
    expires_at: int
    used: int = 0

    def counts(self, generation: int, now_us: int) -> bool:
        """Whether tokens of a generation are good."""
        if not self.generation or now_us >= self.expires_at:
            return False
        lenient = now_us < self.renewed_at + GRACE_US or self.used < self.generation
        before = generation == self.generation - 1 and lenient
        return generation > 0 and (generation >= self.generation or before)


@dataclass(frozen=True)
class Approval:
    """A member's yes: who, to what, and what its permission sets grant now."""

    did: Did
    scope: str
    permissions: str


@dataclass(frozen=True)
class Bearer:
    """Who comes with a code or a refresh token: the client and the keys it proved.

    `may_stay`: whether the session lasts as long as it is used.
    """

    client_id: str
    client_key: str | None
    dpop_jkt: str
    may_stay: bool

    def has(self, grant: Grant) -> bool:
        mine = (self.client_id, self.client_key, self.dpop_jkt)
        return mine == (grant.client_id, grant.client_key, grant.dpop_jkt)


@dataclass(frozen=True)
class CodeUse:
    """What comes with a code."""

    code: str
    redirect_uri: str
    code_verifier: str


_FIELDS: Final = (
    "id, did, client_id, scope, permissions, dpop_jkt, client_key, code_challenge, redirect_uri,"
    " generation, created_at, renewed_at, expires_at, used"
)
_BY_ID: Final = f"SELECT {_FIELDS} FROM oauth_grant WHERE id = ?"  # noqa: S608
_BY_CODE: Final = f"SELECT {_FIELDS} FROM oauth_grant WHERE code_digest = ?"  # noqa: S608
_OF_ACCOUNT: Final = f"SELECT {_FIELDS} FROM oauth_grant WHERE did = ?"  # noqa: S608
_ADOPTED: Final = (
    "SELECT id FROM oauth_grant WHERE adopted_digest = ? AND adopted_digest IS NOT NULL"
)
_OF_CLIENT: Final = f"{_OF_ACCOUNT} AND client_id = ?"


class GrantStore:
    """The grants of all members. Those that were looked up lately are kept until they change."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.approved = 0
        self._kept: dict[str, Grant] = {}
        db.listen(_TABLE, self._changed)

    async def approve(self, request: PendingRequest, approval: Approval) -> str:
        """Turn a request into a grant; return its code. Raises RequestGone."""
        code = new_code()
        await self._db.write(approve, request, approval, code, self._clock.now_us())
        self.approved += 1
        return code

    async def exchange(self, use: CodeUse, bearer: Bearer) -> Grant:
        """Use a code up. Raises InvalidGrant; a code that fails is void."""
        now = self._clock.now_us()
        return _required(await self._db.write(exchange, use, bearer, now))

    async def renew(self, name: RefreshName, bearer: Bearer, permissions: str) -> Grant:
        """Make the next generation of tokens. Raises InvalidGrant."""
        now = self._clock.now_us()
        return _required(await self._db.write(renew, name, bearer, permissions, now))

    def find(self, grant_id: str) -> Grant | None:
        """Find a grant that is not over."""
        found = self._kept.get(grant_id) or self._read(grant_id)
        return found if found and self._clock.now_us() < found.expires_at else None

    def good(self, grant_id: str, generation: int) -> Grant | None:
        """Find a grant whose tokens of this generation are good now."""
        found = self._kept.get(grant_id) or self._read(grant_id)
        return found if found and found.counts(generation, self._clock.now_us()) else None

    async def note_used(self, grant: Grant, generation: int) -> None:
        """Note, once, that an app calls with the tokens of a generation."""
        if grant.used < generation:
            await self._db.write(note_used, grant.id, generation)

    def of_account(self, did: Did) -> list[Grant]:
        """The apps that a member lets in, the one that was here last first."""
        now = self._clock.now_us()
        found = [one for row in self._db.read(_OF_ACCOUNT, did) if (one := _grant(row))]
        open_ = (one for one in found if one.generation and now < one.expires_at)
        return sorted(open_, key=lambda one: -one.renewed_at)

    def was_granted(self, did: Did, client_id: str, scope: str) -> bool:
        """Whether a member lets this client do all this already."""
        wanted, now = set(scope.split(" ")), self._clock.now_us()
        rows = self._db.read(_OF_CLIENT, did, client_id)
        grants = [one for row in rows if (one := _grant(row)) and now < one.expires_at]
        return any(one.generation and wanted <= set(one.scope.split(" ")) for one in grants)

    def adopted(self, token: str) -> RefreshName | None:
        """Name a refresh token that another server has given, if its grant was taken over."""
        row = self._db.read_one(_ADOPTED, digest_of(token))
        return RefreshName(row[0], 1) if row else None

    async def end(self, grant_id: str, did: Did | None = None) -> None:
        """End a grant, with `did` only if it is of this member."""
        await self._db.write(end, grant_id, did)

    def _read(self, grant_id: str) -> Grant | None:
        found = _grant(self._db.read_one(_BY_ID, grant_id))
        if found is not None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[grant_id] = found
        return found

    def _changed(self, conn: Connection, grant_id: str) -> None:
        conn.after_commit(partial(self._kept.pop, grant_id, None))


def approve(
    conn: Connection, request: PendingRequest, approval: Approval, code: str, now_us: int
) -> None:
    asked = request.asked
    if not requests.take(conn, digest_of(request.uri)):
        raise RequestGone
    day = now_us + CHALLENGE_US
    if not seen.remember(conn, requests.CHALLENGE, asked.code_challenge, now_us, day):
        raise RequestGone
    conn.execute("DELETE FROM oauth_grant WHERE expires_at <= ?", (now_us,))
    conn.execute(
        "INSERT INTO oauth_grant (id, did, client_id, scope, permissions, dpop_jkt, client_key,"
        " code_digest, code_challenge, redirect_uri, created_at, renewed_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new_id(),
            approval.did,
            request.client_id,
            approval.scope,
            approval.permissions,
            request.dpop_jkt,
            request.client_key,
            digest_of(code),
            asked.code_challenge,
            asked.redirect_uri,
            now_us,
            now_us,
            now_us + CODE_US,
        ),
    )


def exchange(conn: Connection, use: CodeUse, bearer: Bearer, now_us: int) -> Grant | str:
    """Give a grant its first tokens, or say why not; then it is over."""
    grant = _grant(conn.row(_BY_CODE, digest_of(use.code)))
    if grant is None:
        return "The code is not known"
    problem = _problem(grant, use, bearer, now_us)
    if problem:
        end(conn, grant.id)
        return problem
    return _next(conn, grant, 1, grant.permissions, _times(grant, bearer, now_us))


def renew(
    conn: Connection, name: RefreshName, bearer: Bearer, permissions: str, now_us: int
) -> Grant | str:
    """Give a grant its next tokens, the same ones again within the grace time, or say why not."""
    grant = _grant(conn.row(_BY_ID, name.grant_id))
    if grant is None or now_us >= grant.expires_at:
        return "The session is over"
    if not bearer.has(grant):
        return "The refresh token is bound to another client or key"
    if not grant.counts(name.generation, now_us):
        end(conn, grant.id)
        return "The refresh token was used before"
    if name.generation < grant.generation:
        return grant
    times = _times(grant, bearer, now_us)
    return _next(conn, grant, name.generation + 1, permissions, times)


def adopt(conn: Connection, grant: Grant, refresh_token: str) -> None:
    """Add a grant that was given elsewhere, unless its refresh token is here already."""
    conn.execute(
        "INSERT OR IGNORE INTO oauth_grant (id, did, client_id, scope, permissions, dpop_jkt,"
        " client_key, code_digest, code_challenge, redirect_uri, generation, created_at,"
        " renewed_at, expires_at, adopted_digest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, 1, ?, ?, ?, ?)",
        (
            grant.id,
            grant.did,
            grant.client_id,
            grant.scope,
            grant.permissions,
            grant.dpop_jkt,
            grant.client_key,
            digest_of(new_code()),
            grant.redirect_uri,
            grant.created_at,
            grant.renewed_at,
            grant.expires_at,
            digest_of(refresh_token),
        ),
    )


def note_used(conn: Connection, grant_id: str, generation: int) -> None:
    conn.execute(
        "UPDATE oauth_grant SET used = ?2 WHERE id = ?1 AND used < ?2", (grant_id, generation)
    )
    conn.tell(_TABLE, grant_id)


def end(conn: Connection, grant_id: str, did: Did | None = None) -> None:
    if did is None:
        conn.execute("DELETE FROM oauth_grant WHERE id = ?", (grant_id,))
    else:
        conn.execute("DELETE FROM oauth_grant WHERE id = ? AND did = ?", (grant_id, did))
    conn.tell(_TABLE, grant_id)


def end_all(conn: Connection, did: Did) -> None:
    """End every grant of an account."""
    for (grant_id,) in conn.rows("DELETE FROM oauth_grant WHERE did = ? RETURNING id", did):
        conn.tell(_TABLE, grant_id)


def _problem(grant: Grant, use: CodeUse, bearer: Bearer, now_us: int) -> str:
    """Say what is wrong with the use of a code, if anything is."""
    if grant.generation:
        return "The code was used before"
    if now_us >= grant.expires_at:
        return "The code is too old"
    if not bearer.has(grant):
        return "The code was made for another client or key"
    if use.redirect_uri != grant.redirect_uri:
        return "The redirect_uri is another one"
    if not _fits(use.code_verifier, grant.code_challenge):
        return "The code_verifier does not fit"
    return ""


def _times(grant: Grant, bearer: Bearer, now_us: int) -> tuple[int, int]:
    """Now, and when the next tokens end."""
    until = now_us + UNUSED_US if bearer.may_stay else grant.created_at + PUBLIC_US
    return now_us, until


def _next(
    conn: Connection, grant: Grant, generation: int, permissions: str, times: tuple[int, int]
) -> Grant:
    renewed_at, expires_at = times
    conn.execute(
        "UPDATE oauth_grant SET generation = ?, renewed_at = ?, expires_at = ?, permissions = ?"
        " WHERE id = ?",
        (generation, renewed_at, expires_at, permissions, grant.id),
    )
    conn.tell(_TABLE, grant.id)
    return replace(
        grant,
        generation=generation,
        renewed_at=renewed_at,
        expires_at=expires_at,
        permissions=permissions,
    )


def _fits(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def _required(found: Grant | str) -> Grant:
    if isinstance(found, str):
        raise InvalidGrant(found)
    return found


def _grant(row: tuple[Any, ...] | None) -> Grant | None:
    if row is None:
        return None
    grant_id, did, *rest = row
    return Grant(grant_id, Did.unchecked(did), *rest)
