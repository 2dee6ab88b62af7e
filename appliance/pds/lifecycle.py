"""What becomes of an account: deactivated, active again, taken down, deleted; each is announced."""

import asyncio
from typing import Final

from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.syntax import Datetime, Did, Handle
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.firehose import event_log
from appliance.firehose.events import AccountEvent, IdentityEvent
from appliance.pds import (
    accounts,
    app_passwords,
    appview_choices,
    devices,
    email_tokens,
    front_page,
    guardians,
    invites,
    mailer,
    move_reports,
    moves,
    network_did,
    preferences,
    renames,
    repos,
    sessions,
    signing_keys,
    web_identities,
)
from appliance.pds.blobs import BlobStore
from appliance.pds.factors import second_steps
from appliance.pds.oauth import grants
from appliance.pds.signing_keys import SigningKeys
from appliance.pds.web_identities import Place

LIFT_EVERY_S: Final = 30.0


class Lifecycle:
    """Change the standing of an account, in one transaction with its event."""

    def __init__(self, db: Database, blobs: BlobStore, keys: SigningKeys, clock: Clock) -> None:
        self._db = db
        self._blobs = blobs
        self._keys = keys
        self._clock = clock

    async def deactivate(self, did: Did, delete_after: int | None) -> None:
        """Close an account to the public; `delete_after` in microseconds, or None."""
        await self._db.write(deactivate, did, delete_after, self._clock.now_us())

    async def activate(self, did: Did) -> None:
        await self._db.write(activate, did, self._clock.now_us())

    async def set_takedown(self, did: Did, reference: str | None) -> None:
        """Take an account down, or let it back (None)."""
        await self._db.write(set_takedown, did, reference, self._clock.now_us())

    async def suspend(self, did: Did, reference: str, for_us: int) -> None:
        """Take an account down for so many microseconds."""
        now_us = self._clock.now_us()
        await self._db.write(set_takedown, did, reference, now_us, now_us + for_us)

    async def lift_for_ever(self) -> None:
        """Let accounts back when their suspension is over: the body of a worker."""
        while True:
            await self.lift()
            await asyncio.sleep(LIFT_EVERY_S)

    async def lift(self) -> None:
        """Let back whose suspension is over."""
        await self._db.write(lift, self._clock.now_us())

    async def rename(self, did: Did, handle: Handle) -> None:
        """Give an account a handle, announced even if it had it already. Raises NameTaken."""
        await self._db.write(rename, did, handle, self._clock.now_us())

    async def announce_identity(self, did: Did, handle: Handle) -> None:
        await self._db.write(append_identity, did, handle, self._clock.now_us())

    async def point(self, did: Did, handle: Handle, place: Place | None) -> None:
        """Have a document that is made here name another server, or with None this one.

        Raises NotMadeHere.
        """
        await self._db.write(_point, did, handle, place, self._clock.now_us())

    async def delete(self, did: Did) -> None:
        """Erase an account and all it has here; the name is free from then on."""
        await self._db.write(self._delete, did)
        self._keys.forget(did)

    def _delete(self, conn: Connection, did: Did) -> None:
        dropped = repos.delete_account_rows(conn, did)
        conn.after_commit(lambda: self._blobs.discard_files(dropped))
        for forget in (
            accounts.erase,
            app_passwords.delete_all,
            appview_choices.delete_all,
            devices.end_all,
            email_tokens.delete_all,
            front_page.delete_all,
            grants.end_all,
            guardians.delete_all,
            invites.delete_all,
            mailer.delete_all,
            move_reports.delete_all,
            moves.delete_all,
            network_did.delete_all,
            preferences.delete_all,
            renames.end,
            second_steps.delete_all,
            sessions.revoke_all,
            signing_keys.delete_all,
            web_identities.delete_all,
            event_log.forget,
        ):
            forget(conn, did)
        now = self._clock.now_us()
        _append(conn, AccountEvent(did, Datetime.from_us(now), active=False, status="deleted"), now)


def deactivate(conn: Connection, did: Did, delete_after: int | None, now_us: int) -> None:
    accounts.deactivate(conn, did, now_us, delete_after)
    append_account(conn, did, now_us)


def activate(conn: Connection, did: Did, now_us: int) -> None:
    """Open an account again and say all that others need to take it up."""
    accounts.activate(conn, did)
    account = accounts.get(conn, did)
    if account is None:
        raise accounts.AccountNotFound(did)
    append_account(conn, did, now_us)
    append_identity(conn, did, account.handle, now_us)
    repos.append_sync(conn, parse_commit(repos.load_head(conn, did).commit_block), now_us)


def set_takedown(
    conn: Connection, did: Did, reference: str | None, now_us: int, until_us: int | None = None
) -> None:
    accounts.set_takedown(conn, did, reference, until_us)
    append_account(conn, did, now_us)


def lift(conn: Connection, now_us: int) -> None:
    for did in accounts.suspended_before(conn, now_us):
        set_takedown(conn, did, None, now_us)


def rename(conn: Connection, did: Did, handle: Handle, now_us: int) -> None:
    accounts.rename(conn, did, handle)
    web_identities.rename(conn, did, handle)
    append_identity(conn, did, handle, now_us)


def _point(conn: Connection, did: Did, handle: Handle, place: Place | None, now_us: int) -> None:
    web_identities.point(conn, did, handle, place)
    append_identity(conn, did, handle, now_us)


def append_account(conn: Connection, did: Did, now_us: int) -> None:
    """Announce how an account stands. Raises AccountNotFound."""
    account = accounts.get(conn, did)
    if account is None:
        raise accounts.AccountNotFound(did)
    time = Datetime.from_us(now_us)
    _append(conn, AccountEvent(did, time, account.is_active, account.status), now_us)


def append_identity(conn: Connection, did: Did, handle: Handle, now_us: int) -> None:
    _append(conn, IdentityEvent(did, Datetime.from_us(now_us), handle), now_us)


def _append(conn: Connection, event: AccountEvent | IdentityEvent, now_us: int) -> None:
    event_log.append(conn, event.did, event.kind, event.frame(), now_us)
