"""Open and rename accounts: the DID, the keys, the empty repo, the events that tell the world."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did, Handle
from appliance.atproto.tid import Tid
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database, WriteFailed
from appliance.base.turns import Turns
from appliance.pds import (
    accounts,
    invites,
    lifecycle,
    renames,
    repos,
    signing_keys,
    web_identities,
)
from appliance.pds.accounts import Account, AccountStore, NameTaken, NewAccount
from appliance.pds.handles import HandleNotAvailable
from appliance.pds.identities import Identities
from appliance.pds.lifecycle import append_account, append_identity
from appliance.pds.repos import RepoStore
from appliance.pds.web_identities import did_named

_LOOK_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Application:
    """What somebody asks for. `did` is one they have proven to own, or None for a new one.

    `by_name`: a new one is the did:web of the handle, not a did:plc.
    """

    handle: Handle
    email: str
    password_hash: str = field(repr=False)
    invite_code: str | None = None
    recovery_key: str | None = None
    did: Did | None = None
    by_name: bool = False


@dataclass(frozen=True)
class Opening:
    """All that the transaction of a sign-up needs."""

    account: NewAccount
    key: PrivateKey
    rev: Tid
    invite_code: str | None
    by_name: bool = False


class SignUp:
    """Give names out, each once: who loses a race for one leaves nothing in the directory.

    Whoever wants the same name, address, code or identity waits; others do not.
    """

    def __init__(
        self,
        db: Database,
        account_store: AccountStore,
        identities: Identities,
        repo_store: RepoStore,
        clock: Clock,
    ) -> None:
        self._db = db
        self._accounts = account_store
        self._identities = identities
        self._repos = repo_store
        self._clock = clock
        self._turns: Turns[tuple[str, str]] = Turns()
        self.opened = 0

    async def open(self, wish: Application) -> Account:
        """Open an account; one with a DID from elsewhere starts deactivated and unannounced.

        The handle has been checked against the rules. Raises NoRoom, NameTaken, InvalidInviteCode,
        and what the directory's refusal raises.
        """
        self._db.room.require()
        async with self._turn(wish.handle, wish.did, wish.invite_code, wish.email.lower()):
            self._accounts.check_names_free(wish.handle, wish.email)
            if web_identities.holder(self._db, wish.handle) not in (None, wish.did):
                raise NameTaken("Handle", wish.handle)
            if wish.invite_code is not None:
                now = self._clock.now_us()
                await self._db.scan(invites.require_usable, wish.invite_code, now)
            did, key = await self._identity(wish)
            new = NewAccount(did, wish.handle, wish.email, wish.password_hash, wish.did is not None)
            rev = self._repos.next_rev()
            opening = Opening(new, key, rev, wish.invite_code, wish.by_name)
            await self._db.write(open_account, opening, self._clock.now_us())
            self.opened += 1
        return self._accounts.require(did)

    async def rename(self, did: Did, handle: Handle) -> None:
        """Change a handle, which has passed the rules, in the DID document and here.

        Raises HandleNotAvailable, UnusableIdentity, and what the directory's refusal raises.
        """
        while True:
            # One that was cut off is known to the directory, maybe, and else to this note alone.
            earlier = renames.wanted(self._db, did)
            if earlier is not None:
                await self._settle(did, earlier)
            async with self._turn(handle, did):
                if renames.wanted(self._db, did) is None:
                    await self._rename(did, handle)
                    return

    async def _rename(self, did: Did, handle: Handle) -> None:
        holder = self._accounts.find(handle)
        away = web_identities.holder(self._db, handle)
        if (holder is not None and holder.did != did) or away not in (None, did):
            raise HandleNotAvailable(f"Handle already taken: {handle}")
        await self._db.write(renames.begin, did, handle)
        await self._identities.set_handle(did, handle)
        await self._db.write(_rename, did, handle, self._clock.now_us())

    async def finish_renames_for_ever(self) -> None:
        """Do what was begun and not ended: after a crash, or an error of the disk; a worker."""
        while True:
            with contextlib.suppress(LookupError, OSError, WriteFailed):
                await self.finish_renames()
            await asyncio.sleep(_LOOK_SECONDS)

    async def finish_renames(self) -> None:
        """Let each account have the handle that the directory knows, if it was to have it.

        Raises what resolving a DID raises; then this is to be done again.
        """
        for did, handle in renames.pending(self._db):
            await self._settle(did, handle)

    async def _settle(self, did: Did, handle: Handle) -> None:
        async with self._turn(handle, did):
            if renames.wanted(self._db, did) == handle:
                await self._finish_rename(did, handle)

    async def _finish_rename(self, did: Did, handle: Handle) -> None:
        account = self._accounts.find(did)
        if account is None or await self._identities.handle_of(did) != handle:
            await self._db.write(renames.end, did)
            return
        try:
            await self._db.write(_rename, did, handle, self._clock.now_us())
        except NameTaken:
            await self._db.write(renames.end, did)

    @contextlib.asynccontextmanager
    async def _turn(
        self, handle: Handle, did: Did | None, code: str | None = None, email: str = ""
    ) -> AsyncIterator[None]:
        """Wait for all that is wanted; always in this order, so that nobody waits for ever."""
        wanted = (("did", did), ("code", code), ("email", email), ("handle", handle))
        async with contextlib.AsyncExitStack() as held:
            for kind, name in wanted:
                if name:
                    await held.enter_async_context(self._turns.of((kind, name)))
            yield

    async def _identity(self, wish: Application) -> tuple[Did, PrivateKey]:
        did = did_named(wish.handle) if wish.by_name else wish.did
        if did is None:
            return await self._identities.create(wish.handle, wish.recovery_key)
        kept = wish.by_name and web_identities.is_made_here(self._db, did)
        if kept or self._accounts.find(did) is not None:
            raise NameTaken("Account", did)
        return did, self._identities.key_for_arrival(did)


def _rename(conn: Connection, did: Did, handle: Handle, now_us: int) -> None:
    lifecycle.rename(conn, did, handle, now_us)
    renames.end(conn, did)


def open_account(conn: Connection, opening: Opening, now_us: int) -> None:
    """Write everything an account begins with. Raises NameTaken, InvalidInviteCode."""
    new = opening.account
    accounts.insert(conn, new, now_us)
    if opening.invite_code is not None:
        invites.redeem(conn, opening.invite_code, new.did, now_us)
    signing_keys.assign(conn, new.did, opening.key, now_us)
    if opening.by_name:
        web_identities.note(conn, new.did)
    first = repos.create_empty(conn, new.did, opening.rev, opening.key)
    if new.deactivated:
        return
    append_identity(conn, new.did, new.handle, now_us)
    append_account(conn, new.did, now_us)
    repos.append_commit(conn, first, opening.key.public, now_us)
    repos.append_sync(conn, first.commit, now_us)
