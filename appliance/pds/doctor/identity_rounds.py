"""The identities of all active accounts, looked at some at a time."""

import asyncio
from collections.abc import Sequence
from typing import Final

from appliance.atproto.identity.errors import IdentityUnreachable, InvalidOperation
from appliance.atproto.syntax import Did
from appliance.base.database import Database
from appliance.pds import own_addresses
from appliance.pds.accounts import Account, AccountStore
from appliance.pds.doctor import identity_checks
from appliance.pds.doctor.identity_checks import IdentityChecks
from appliance.pds.signing_keys import NoSigningKey, SigningKeys
from appliance.upkeep.checkup import Finding

MOST_ACCOUNTS: Final = 500
AT_ONCE: Final = 8
SECONDS: Final = 60.0
_WEB: Final = "did:web:"


class IdentityRounds:
    """Look at every identity within the time that a person waits."""

    def __init__(
        self, db: Database, accounts: AccountStore, keys: SigningKeys, checks: IdentityChecks
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._keys = keys
        self.checks = checks

    async def look(self) -> list[Finding]:
        """Say what is wrong; what is well is told in one line."""
        found: list[Finding] = []
        active = await self._active()
        line = asyncio.Semaphore(AT_ONCE)
        try:
            async with asyncio.timeout(SECONDS):
                for told in await asyncio.gather(*(self._one(each, line) for each in active)):
                    found += told
        except TimeoutError:
            found.append(_slow())
        return found or [Finding("Identities", "good", f"{len(active)} lead here")]

    async def handle_below(self, domains: tuple[str, ...]) -> str | None:
        """Give some member's handle that ends in one of these."""
        names = (str(one.handle) for one in await self._active())
        return next((name for name in names if name.endswith(domains)), None)

    async def web_names(self) -> list[str]:
        """Give the names that members' did:web are."""
        dids = (one.did for one in await self._active())
        return [did.removeprefix(_WEB) for did in dids if did.startswith(_WEB)]

    async def _active(self) -> list[Account]:
        rows = await self._db.scan(own_addresses.accounts_after, 0, MOST_ACCOUNTS)
        found = (self._accounts.find(Did.unchecked(did)) for _, did, _ in rows)
        return [one for one in found if one is not None and one.is_active]

    async def _one(self, account: Account, line: asyncio.Semaphore) -> Sequence[Finding]:
        async with line:
            try:
                key = self._keys.get(account.did).public.did_key
                return await self.checks.look(account, key)
            except IdentityUnreachable as problem:
                return [identity_checks.unreachable(account, problem)]
            except InvalidOperation as problem:
                return [identity_checks.forged(account, problem)]
            except NoSigningKey:
                return [identity_checks.keyless(account)]


def _slow() -> Finding:
    return Finding(
        "Identities",
        "warn",
        f"they could not all be looked at within {SECONDS:.0f} seconds",
        "quick answers of directory and DNS",
        "see whether the internet is slow, then look again",
        "look-slow",
    )
