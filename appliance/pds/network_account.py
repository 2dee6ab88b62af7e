"""The network's own account: in its name the labeler labels and feeds are offered.

An account like any other, with its repo, but nobody's: no password opens it until the operator
gives it one. Its DID document names, beside this server, the services of the network.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from appliance.atproto.syntax import Did, Handle
from appliance.base.database import Database
from appliance.pds import network_did
from appliance.pds.accounts import Account, AccountStore
from appliance.pds.credentials import new_hash
from appliance.pds.identities import Identities, Service
from appliance.pds.lifecycle import Lifecycle
from appliance.pds.signup import Application, SignUp

PASSWORD_BYTES = 32


class NoNetworkAccount(LookupError):
    """The network has no account of its own yet."""

    xrpc_name = "AccountNotFound"

    def __init__(self) -> None:
        super().__init__("The network has no account of its own yet")


@dataclass(frozen=True)
class Acts:
    """What opening an account and changing its DID document takes."""

    signup: SignUp
    identities: Identities
    lifecycle: Lifecycle


class NetworkAccount:
    """Open the network's account once, and keep its DID document up to date."""

    def __init__(
        self, db: Database, accounts: AccountStore, acts: Acts, handle: str, email: str
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._acts = acts
        self._handle = handle
        self._email = email
        self._turn = asyncio.Lock()

    @property
    def did(self) -> Did | None:
        """The account's DID; None before it is opened."""
        row = self._db.read_one(network_did.FIND)
        return None if row is None else Did.unchecked(row[0])

    def require(self) -> Account:
        """Give the account. Raises NoNetworkAccount."""
        did = self.did
        found = None if did is None else self._accounts.find(did)
        if found is None:
            raise NoNetworkAccount
        return found

    async def open(self, services: Mapping[str, Service], keys: Mapping[str, str]) -> Account:
        """Give the account, opened now if need be, with these services and keys in its document.

        Raises what signing up and the directory raise.
        """
        async with self._turn:
            try:
                found = self.require()
            except NoNetworkAccount:
                found = await self._sign_up()
            if await self._acts.identities.declare(found.did, services, keys):
                await self._acts.lifecycle.announce_identity(found.did, found.handle)
            return found

    async def _sign_up(self) -> Account:
        handle = Handle(self._handle)
        # One that was opened when the note of it could not be written any more is taken up again.
        found = self._accounts.find(handle)
        if found is None or found.email != self._email:
            password = await new_hash(secrets.token_urlsafe(PASSWORD_BYTES))
            found = await self._acts.signup.open(Application(handle, self._email, password))
        await self._db.write(network_did.note, found.did)
        return found
