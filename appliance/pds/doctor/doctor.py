"""Everything the PDS can look into of itself, within the time that a person waits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.atproto.identity.errors import IdentityUnreachable, InvalidOperation
from appliance.atproto.syntax import Did
from appliance.base.database import Database
from appliance.pds import own_addresses
from appliance.pds.accounts import AccountStore
from appliance.pds.doctor import identity_checks, mail_checks
from appliance.pds.doctor.identity_checks import IdentityChecks
from appliance.pds.mail_server import MailServer
from appliance.pds.signing_keys import NoSigningKey, SigningKeys
from appliance.upkeep.checkup import Finding

MOST_ACCOUNTS: Final = 500
AT_ONCE: Final = 8
SECONDS: Final = 60.0


@dataclass(frozen=True)
class Post:
    """How mail leaves: the server, if there is one, and from whom it comes."""

    server: MailServer | None
    sender: str


class Doctor:
    """Looks at identities and mail when it is asked."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        keys: SigningKeys,
        identity: IdentityChecks,
        post: Post,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._keys = keys
        self.identity = identity
        self._post = post

    async def examine(self) -> list[Finding]:
        """Look at everything; what is well is told in one line each."""
        mail = [] if self._post.server is None else await self._mail(self._post.server)
        found: list[Finding] = []
        rows = await self._db.scan(own_addresses.accounts_after, 0, MOST_ACCOUNTS)
        line = asyncio.Semaphore(AT_ONCE)
        try:
            async with asyncio.timeout(SECONDS):
                looks = [self._one(did, line) for _, did, _ in rows]
                for told in await asyncio.gather(*looks):
                    found += told
        except TimeoutError:
            found.append(_slow())
        if not found:
            found.append(Finding("Identities", "good", f"{len(rows)} lead here"))
        return [*found, *mail]

    async def _one(self, did: Did, line: asyncio.Semaphore) -> Sequence[Finding]:
        account = self._accounts.find(did)
        if account is None or not account.is_active:
            return ()
        async with line:
            try:
                return await self.identity.look(account, self._keys.get(did).public.did_key)
            except IdentityUnreachable as problem:
                return [identity_checks.unreachable(account, problem)]
            except InvalidOperation as problem:
                return [identity_checks.forged(account, problem)]
            except NoSigningKey:
                return [identity_checks.keyless(account)]

    async def _mail(self, server: MailServer) -> list[Finding]:
        sender = self._post.sender
        return await asyncio.to_thread(lambda: list(mail_checks.look(server, sender)))


def _slow() -> Finding:
    return Finding(
        "Identities",
        "warn",
        f"they could not all be looked at within {SECONDS:.0f} seconds",
        "quick answers of directory and DNS",
        "see whether the internet is slow, then look again",
    )
