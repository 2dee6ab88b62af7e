"""Requests that clients have pushed and that wait for a member to decide (PAR).

One is good for five minutes, and for an hour once a browser has opened it: then for that browser
alone. https://www.rfc-editor.org/rfc/rfc9126
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.oauth import seen
from appliance.pds.oauth.errors import OAuthError
from appliance.pds.oauth.tokens import digest_of, new_id

URI_BEGINNING: Final = "urn:ietf:params:oauth:request_uri:req-"
PUSHED_SECONDS: Final = 300
OPENED_US: Final = 3600 * 1_000_000
MOST_PENDING: Final = 10_000
MOST_PENDING_OF_SOURCE: Final = 300
CHALLENGE: Final = "challenge"
_US: Final = 1_000_000


class RequestGone(OAuthError):
    """A request that was decided, is too old, or was opened elsewhere."""

    def __init__(self) -> None:
        super().__init__("invalid_request", "The request is not known, or was decided already")


@dataclass(frozen=True)
class Asked:
    """What a client asks for, checked."""

    redirect_uri: str
    scope: str
    state: str
    code_challenge: str
    response_mode: str = "query"
    prompt: str = ""
    login_hint: str = ""


@dataclass(frozen=True)
class Pushed:
    """What is stored of a request: who asks, by which keys, for what, from where."""

    client_id: str
    asked: Asked
    dpop_jkt: str
    client_key: str | None
    source: str


@dataclass(frozen=True)
class PendingRequest:
    """A request in the browser where it was opened; times in microseconds."""

    uri: str
    client_id: str
    asked: Asked
    dpop_jkt: str
    client_key: str | None
    opened_at: int
    chosen: Did | None


_COLUMNS: Final = "client_id, asked, dpop_jkt, client_key, opened_at, chosen"


class RequestStore:
    """The requests that wait."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def push(self, pushed: Pushed) -> str:
        """Store a request; return its request_uri. Raises OAuthError."""
        uri = URI_BEGINNING + new_id()
        await self._db.write(push, digest_of(uri), pushed, self._clock.now_us())
        return uri

    async def open(self, uri: str, client_id: str, browser: str) -> PendingRequest:
        """Give a request to the first browser that opens it, and to it alone. Raises RequestGone.

        `browser` is a secret of its cookie.
        """
        found = self.find(uri, browser)
        if found is None:
            digests = digest_of(uri), digest_of(browser)
            await self._db.write(open_, digests, client_id, self._clock.now_us())
            found = self.find(uri, browser)
        if found is None or found.client_id != client_id:
            raise RequestGone
        return found

    def find(self, uri: str, browser: str) -> PendingRequest | None:
        """Find a request that was opened in this browser."""
        row = self._db.read_one(
            f"SELECT {_COLUMNS} FROM oauth_request"  # noqa: S608
            " WHERE digest = ? AND browser = ? AND expires_at > ?",
            digest_of(uri),
            digest_of(browser),
            self._clock.now_us(),
        )
        return None if row is None else _pending(uri, row)

    async def choose(self, uri: str, did: Did) -> None:
        """Note which account a request is for."""
        await self._db.write(choose, digest_of(uri), did)

    async def end(self, uri: str) -> None:
        await self._db.write(take, digest_of(uri))


def push(conn: Connection, digest: str, pushed: Pushed, now_us: int) -> None:
    """Store a request. Raises OAuthError when too many wait, or its challenge was used before."""
    conn.execute("DELETE FROM oauth_request WHERE expires_at <= ?", (now_us,))
    own = "SELECT count(*) FROM oauth_request WHERE source = ? AND browser IS NULL"
    if (
        conn.value("SELECT count(*) FROM oauth_request") >= MOST_PENDING
        or conn.value(own, pushed.source) >= MOST_PENDING_OF_SOURCE
    ):
        raise OAuthError("temporarily_unavailable", "Too many requests wait; try again later")
    if seen.is_known(conn, CHALLENGE, pushed.asked.code_challenge, now_us):
        raise OAuthError("invalid_request", "The code_challenge was used before")
    conn.execute(
        "INSERT INTO oauth_request"
        " (digest, client_id, asked, dpop_jkt, client_key, source, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            digest,
            pushed.client_id,
            json.dumps(asdict(pushed.asked)),
            pushed.dpop_jkt,
            pushed.client_key,
            pushed.source,
            now_us + PUSHED_SECONDS * _US,
        ),
    )


def open_(conn: Connection, digests: tuple[str, str], client_id: str, now_us: int) -> None:
    """Tie a request to a browser, unless it is tied to one, or another client's."""
    digest, browser = digests
    conn.execute(
        "UPDATE oauth_request SET browser = ?, opened_at = ?, expires_at = ?"
        " WHERE digest = ? AND client_id = ? AND browser IS NULL AND expires_at > ?",
        (browser, now_us, now_us + OPENED_US, digest, client_id, now_us),
    )


def choose(conn: Connection, digest: str, did: Did) -> None:
    conn.execute("UPDATE oauth_request SET chosen = ? WHERE digest = ?", (did, digest))


def take(conn: Connection, digest: str) -> bool:
    """Take a request away, for good; tell whether it was there."""
    conn.execute("DELETE FROM oauth_request WHERE digest = ?", (digest,))
    return bool(conn.value("SELECT changes()"))


def _pending(uri: str, row: tuple[Any, ...]) -> PendingRequest:
    client_id, asked, dpop_jkt, client_key, opened_at, chosen = row
    return PendingRequest(
        uri,
        client_id,
        Asked(**json.loads(asked)),
        dpop_jkt,
        client_key,
        opened_at,
        None if chosen is None else Did.unchecked(chosen),
    )
