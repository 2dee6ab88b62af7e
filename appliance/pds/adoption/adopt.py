"""Write the accounts of a reference PDS into ours, each whole or not at all."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from appliance.atproto import cbor, data
from appliance.atproto.data import BlobRef
from appliance.atproto.repo.commit import Commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.pds import (
    accounts,
    app_passwords,
    blobs,
    invites,
    preferences,
    records,
    repos,
    sessions,
    signing_keys,
)
from appliance.pds.accounts import Account
from appliance.pds.adoption.source import (
    DamagedSource,
    ReferenceFolder,
    SourceAccount,
    SourceActor,
    SourceAppPassword,
    SourceBlob,
    SourceGrant,
    SourceSession,
)
from appliance.pds.app_passwords import AppPassword
from appliance.pds.blob_files import BlobFiles
from appliance.pds.oauth import grants
from appliance.pds.oauth.grants import PUBLIC_US, UNUSED_US, Grant
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.pds.oauth.tokens import new_id

# Those who follow the stream may have seen somewhat more than the log that is left.
SEQ_MARGIN: Final = 1_000
_CHUNK: Final = 1 << 20
_NO_LIMIT: Final = 1 << 50


@dataclass(frozen=True)
class Taken:
    """What came over with one account; `lost_blobs` were missing or damaged there already."""

    account: SourceAccount
    records: int
    blobs: int
    lost_blobs: int


@dataclass(frozen=True)
class _Doors:
    """How somebody comes in."""

    app_passwords: Sequence[SourceAppPassword]
    sessions: Sequence[SourceSession]
    grants: Sequence[SourceGrant]


class Adoption:
    """Takes accounts over, one after the other; those that are here already are left alone."""

    def __init__(
        self, source: ReferenceFolder, db: Database, blob_files: BlobFiles, clock: Clock
    ) -> None:
        self._source = source
        self._db = db
        self._files = blob_files
        self._clock = clock

    async def run(self, tell: Callable[[int, int, Taken | None], None]) -> None:
        """Take everything over; `tell` hears (done, of all, what was taken) after each account.

        Safe to be cut off anywhere and to be run again. Raises DamagedSource, NameTaken.
        """
        found = self._source.accounts()
        for number, account in enumerate(found, 1):
            tell(number, len(found), await self._take(account))
        await self._db.write(invites.adopt, self._source.invites())
        # Nothing is served from here before: whoever follows goes on behind what they have seen.
        await self._db.write(event_log.jump, self._source.last_seq() + SEQ_MARGIN)

    async def _take(self, account: SourceAccount) -> Taken | None:
        if await self._db.write(accounts.get, account.did) is not None:
            return None
        source, did = self._source, account.did
        doors = _Doors(source.app_passwords(did), source.sessions(did), source.grants(did))
        with self._source.actor(account.did) as actor:
            listed = actor.blobs()
            here = [blob for blob in listed if await self._fetch(blob)]
            count = await self._db.write(
                _write_account, account, actor, doors, here, self._clock.now_us()
            )
        return Taken(account, count, len(here), len(listed) - len(here))

    async def _fetch(self, blob: SourceBlob) -> bool:
        """Copy a blob's file; False if it is not there, or not what it should be."""
        if self._files.path(blob.cid).exists():
            return True
        if not blob.file.is_file():
            return False
        received = await self._files.receive(_chunks(blob.file), _NO_LIMIT, blob.mime_type)
        if received.cid != blob.cid:
            received.temporary.unlink()
            return False
        self._files.keep(received)
        return True


async def open_adoption(
    source: ReferenceFolder, database: Path, blob_folder: Path
) -> tuple[Adoption, Database]:
    """Open our side; the caller closes the database. Raises DatabaseInUse, DatabaseTooNew."""
    db = await Database.open(database, files("appliance.pds") / "schema")
    return Adoption(source, db, BlobFiles(blob_folder), Clock()), db


def _write_account(
    conn: Connection,
    account: SourceAccount,
    actor: SourceActor,
    doors: _Doors,
    here: Iterable[SourceBlob],
    now_us: int,
) -> int:
    """Write one account with all it has; tell how many records. Raises DamagedSource."""
    did = account.did
    accounts.adopt(conn, _account(account))
    signing_keys.assign(conn, did, actor.key, now_us)
    commit = actor.head()
    repo = repos.adopt(conn, commit)
    for blob in here:
        ref = BlobRef(blob.cid, blob.mime_type, blob.size)
        blobs.adopt(conn, repo, ref, blob.created_at, blob.takedown_ref)
    count = _write_records(conn, repo, actor, commit)
    _write_doors(conn, did, doors)
    preferences.replace(conn, did, actor.preferences(), personal=True)
    return count


def _write_records(conn: Connection, repo: int, actor: SourceActor, commit: Commit) -> int:
    leaves = []
    for record in actor.records():
        value = cbor.decode(record.block)
        row = records.row_of(record.path, record.block, value)
        records.insert(conn, repo, row, record.rev)
        blobs.expect(conn, repo, record.path, (one.cid for one in data.find_blobs(value)))
        if record.takedown_ref is not None:
            records.set_takedown(conn, actor.did, record.path, record.takedown_ref)
        leaves.append((record.path, record.cid))
    if Mst.build(leaves).root != commit.data:
        raise DamagedSource(f"{actor.did}: its records do not make the tree that was signed")
    return len(leaves)


def _write_doors(conn: Connection, did: Did, doors: _Doors) -> None:
    for each in doors.app_passwords:
        known = AppPassword(each.name, each.privileged, each.created_at)
        app_passwords.insert(conn, did, known, each.digest)
    for session in doors.sessions:
        sessions.insert(conn, session.jti, did, session.app_password, session.expires_at)
    for old in doors.grants:
        grant = _grant(did, old)
        if grant is not None:
            grants.adopt(conn, grant, old.refresh_token)


def _grant(did: Did, old: SourceGrant) -> Grant | None:
    """What an app may do from now on; None if nothing of its scope is understood."""
    try:
        scope = str(Permissions.parse(old.scope))
    except InvalidScope:
        return None
    lasting = old.created_at + PUBLIC_US if old.client_key is None else old.renewed_at + UNUSED_US
    return Grant(
        id=new_id(),
        did=did,
        client_id=old.client_id,
        scope=scope,
        permissions=scope,
        dpop_jkt=old.dpop_jkt,
        client_key=old.client_key,
        code_challenge="",
        redirect_uri=old.redirect_uri,
        generation=1,
        created_at=old.created_at,
        renewed_at=old.renewed_at,
        expires_at=lasting,
    )


def _account(old: SourceAccount) -> Account:
    return Account(
        id=0,
        did=old.did,
        handle=old.handle,
        email=old.email,
        email_confirmed_at=old.email_confirmed_at,
        password_hash=old.password_hash,
        created_at=old.created_at,
        deactivated_at=old.deactivated_at,
        delete_after=old.delete_after,
        takedown_ref=old.takedown_ref,
        invites_disabled=old.invites_disabled,
        invite_note=None,
    )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
