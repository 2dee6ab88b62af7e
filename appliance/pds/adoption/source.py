"""The data folder of a reference PDS, read without changing anything in it.

Its SQLite files are copied first: to open them, even for reading, may write beside them.
https://github.com/bluesky-social/atproto/tree/main/packages/pds
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from appliance.atproto import data
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.commit import Commit, parse_commit
from appliance.atproto.syntax import Datetime, Did, Handle, JsonObject
from appliance.atproto.tid import Tid
from appliance.base.connection import Connection
from appliance.pds.invites import InviteCode, InviteUse

_DATABASES = ("account.sqlite", "sequencer.sqlite")


class NotAReferencePds(ValueError):
    """The folder is not the data of a reference PDS, or not all of it."""


class DamagedSource(ValueError):
    """Something in the folder is not what it should be; the message says what."""


@dataclass(frozen=True)
class SourceAccount:
    """One account; times in microseconds."""

    did: Did
    handle: Handle
    email: str
    email_confirmed_at: int | None
    password_hash: str = field(repr=False)
    created_at: int
    deactivated_at: int | None
    delete_after: int | None
    takedown_ref: str | None
    invites_disabled: bool


@dataclass(frozen=True)
class SourceAppPassword:
    """An app password; `digest` is scrypt with a salt made of the DID."""

    name: str
    digest: bytes = field(repr=False)
    privileged: bool
    created_at: int


@dataclass(frozen=True)
class SourceSession:
    """A refresh token; `expires_at` in seconds."""

    jti: str
    app_password: str | None
    expires_at: int


@dataclass(frozen=True)
class SourceGrant:
    """An app that was let in by OAuth; times in microseconds. `client_key`: None if public."""

    client_id: str
    client_key: str | None
    scope: str
    dpop_jkt: str
    redirect_uri: str
    refresh_token: str = field(repr=False)
    created_at: int
    renewed_at: int


@dataclass(frozen=True)
class SourceRecord:
    """One record with its block."""

    path: str
    cid: Cid
    rev: Tid
    takedown_ref: str | None
    block: bytes


@dataclass(frozen=True)
class SourceBlob:
    """A blob that records refer to, and the file with its bytes."""

    cid: Cid
    mime_type: str
    size: int
    created_at: int
    takedown_ref: str | None
    file: Path


class ReferenceFolder:
    """Reads a data folder; `blobs` is where its blobs lie, `scratch` an empty folder of ours.

    Raises NotAReferencePds.
    """

    def __init__(self, folder: Path, blobs: Path, scratch: Path) -> None:
        for name in _DATABASES:
            if not (folder / name).is_file():
                raise NotAReferencePds(f"{folder} holds no {name}")
        if not (folder / "actors").is_dir():
            raise NotAReferencePds(f"{folder} holds no folder named actors")
        self._folder = folder
        self._blobs = blobs
        self._scratch = scratch

    def accounts(self) -> list[SourceAccount]:
        """List the accounts in order of creation. Raises DamagedSource."""
        with self._open(self._folder / "account.sqlite") as conn:
            return [_account(row) for row in conn.rows(_ACCOUNTS)]

    def app_passwords(self, did: Did) -> list[SourceAppPassword]:
        with self._open(self._folder / "account.sqlite") as conn:
            return [
                SourceAppPassword(name, _digest(stored), bool(privileged), _us(created))
                for name, stored, privileged, created in conn.rows(_APP_PASSWORDS, did)
            ]

    def sessions(self, did: Did) -> list[SourceSession]:
        """List the refresh tokens that have not been used yet."""
        with self._open(self._folder / "account.sqlite") as conn:
            return [
                SourceSession(jti, app_password, _us(expires) // 1_000_000)
                for jti, app_password, expires in conn.rows(_SESSIONS, did)
            ]

    def grants(self, did: Did) -> list[SourceGrant]:
        """List the apps that can still renew their tokens."""
        with self._open(self._folder / "account.sqlite") as conn:
            found = (_grant(row) for row in conn.rows(_GRANTS, did))
            return [grant for grant in found if grant is not None]

    def invites(self) -> list[InviteCode]:
        """List all invite codes with their uses."""
        with self._open(self._folder / "account.sqlite") as conn:
            uses: dict[str, list[InviteUse]] = {}
            for code, used_by, used_at in conn.rows(_INVITE_USES):
                uses.setdefault(code, []).append(InviteUse(Did.unchecked(used_by), _us(used_at)))
            return [
                InviteCode(
                    code, available, bool(disabled), owner, by, _us(at), tuple(uses.get(code, ()))
                )
                for code, available, disabled, owner, by, at in conn.rows(_INVITES)
            ]

    def last_seq(self) -> int:
        """Tell the newest number its stream has given; 0 if none."""
        with self._open(self._folder / "sequencer.sqlite") as conn:
            return int(conn.value("SELECT max(seq) FROM sqlite_sequence") or 0)

    @contextmanager
    def actor(self, did: Did) -> Iterator["SourceActor"]:
        """Open the store of one account. Raises DamagedSource."""
        folder = self._folder / "actors" / sha256(did.encode()).hexdigest()[:2] / did
        if not (folder / "store.sqlite").is_file() or not (folder / "key").is_file():
            raise DamagedSource(f"{did}: its store or key is missing")
        key = PrivateKey.from_bytes("k256", (folder / "key").read_bytes())
        with self._open(folder / "store.sqlite") as conn:
            yield SourceActor(did, key, conn, self._blobs / did)

    @contextmanager
    def _open(self, path: Path) -> Iterator[Connection]:
        copy = self._scratch / path.name
        for ending in ("", "-wal"):
            source = path.with_name(path.name + ending)
            if source.is_file():  # a device would never end
                shutil.copyfile(source, copy.with_name(copy.name + ending))
        try:
            with closing(Connection(copy, writable=True)) as conn:
                yield conn
        finally:
            for left in self._scratch.glob(f"{copy.name}*"):
                left.unlink()


class SourceActor:
    """What one account keeps: its key, repo, blobs and preferences."""

    def __init__(self, did: Did, key: PrivateKey, conn: Connection, blobs: Path) -> None:
        self.did = did
        self.key = key
        self._conn = conn
        self._blobs = blobs

    def head(self) -> Commit:
        """Give the newest commit. Raises DamagedSource."""
        row = self._conn.row(_HEAD)
        if row is None:
            raise DamagedSource(f"{self.did}: its repo has no head")
        commit = parse_commit(row[0])
        if commit.did != self.did:
            raise DamagedSource(f"{self.did}: its repo is that of {commit.did}")
        return commit

    def records(self) -> Iterator[SourceRecord]:
        """Give all records in the tree's order. Raises DamagedSource."""
        for uri, cid, rev, takedown, block in self._conn.execute(_RECORDS):
            path = str(uri).split("/", 3)[3]
            found = Cid.parse(str(cid))
            if block is None or Cid.for_block(bytes(block)) != found:
                raise DamagedSource(f"{uri}: its content is missing or changed")
            yield SourceRecord(path, found, Tid.unchecked(rev), takedown, bytes(block))

    def blobs(self) -> list[SourceBlob]:
        return [
            SourceBlob(Cid.parse(cid), mime_type, size, _us(at), takedown, self._blobs / cid)
            for cid, mime_type, size, at, takedown in self._conn.rows(_BLOBS)
        ]

    def preferences(self) -> list[JsonObject]:
        return [data.loads(text.encode()) for (text,) in self._conn.rows(_PREFERENCES)]


_ACCOUNTS = """
SELECT actor.did, actor.handle, account.email, account.emailConfirmedAt, account.passwordScrypt,
    actor.createdAt, actor.deactivatedAt, actor.deleteAfter, actor.takedownRef,
    account.invitesDisabled
FROM actor JOIN account USING (did) ORDER BY actor.createdAt, actor.did
"""
_APP_PASSWORDS = (
    "SELECT name, passwordScrypt, privileged, createdAt FROM app_password WHERE did = ?"
)
_SESSIONS = (
    "SELECT id, appPasswordName, expiresAt FROM refresh_token WHERE did = ? AND nextId IS NULL"
)
_GRANTS = """
SELECT clientId, clientAuth, parameters, currentRefreshToken, createdAt, updatedAt FROM token
WHERE did = ? AND currentRefreshToken IS NOT NULL
"""
_INVITES = """
SELECT code, availableUses, disabled, forAccount, createdBy, createdAt FROM invite_code
ORDER BY createdAt, code
"""
_INVITE_USES = "SELECT code, usedBy, usedAt FROM invite_code_use ORDER BY usedAt"
_HEAD = "SELECT content FROM repo_root JOIN repo_block ON repo_block.cid = repo_root.cid"
_RECORDS = """
SELECT record.uri, record.cid, record.repoRev, record.takedownRef, repo_block.content
FROM record LEFT JOIN repo_block ON repo_block.cid = record.cid
ORDER BY record.collection || '/' || record.rkey
"""
_BLOBS = "SELECT cid, mimeType, size, createdAt, takedownRef FROM blob WHERE tempKey IS NULL"
_PREFERENCES = "SELECT valueJson FROM account_pref ORDER BY id"


def _account(row: tuple[object, ...]) -> SourceAccount:
    did, handle, email, confirmed, password, created, deactivated, delete, takedown, invites = row
    known = Did(str(did))
    return SourceAccount(
        did=known,
        # One that lost its name to another has none.
        handle=Handle(str(handle or f"{known.rpartition(':')[2]}.invalid")),
        email=str(email),
        email_confirmed_at=_us_or_none(confirmed),
        password_hash=str(password),
        created_at=_us(created),
        deactivated_at=_us_or_none(deactivated),
        delete_after=_us_or_none(delete),
        takedown_ref=None if takedown is None else str(takedown),
        invites_disabled=bool(invites),
    )


def _grant(row: tuple[str, ...]) -> SourceGrant | None:
    """Read what an app was granted; None if its tokens are bound to no key."""
    client_id, auth, parameters, refresh_token, created, updated = row
    client, asked = data.loads(auth.encode()), data.loads(parameters.encode())
    if "dpop_jkt" not in asked or "redirect_uri" not in asked:
        return None
    return SourceGrant(
        client_id,
        client.get("jkt"),
        asked["scope"],
        asked["dpop_jkt"],
        asked["redirect_uri"],
        refresh_token,
        _us(created),
        _us(updated),
    )


def _digest(stored: str) -> bytes:
    """Read the hash of "salt:hash", in hex. Raises DamagedSource."""
    try:
        return bytes.fromhex(stored.partition(":")[2])
    except ValueError:
        raise DamagedSource("an app password has no readable hash") from None


def _us(text: object) -> int:
    return Datetime(str(text)).to_us()


def _us_or_none(text: object) -> int | None:
    return None if text is None else _us(text)
