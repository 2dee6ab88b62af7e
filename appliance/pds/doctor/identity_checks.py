"""Does each account's identity lead here, name the key it signs with, and is the handle its own?

The operations of a did:plc can be undone for 72 hours by a key that stands before the one that
signed them: whoever is told in time can take an identity back.
https://web.plc.directory/spec/v0.1/did-plc
"""

from collections.abc import Iterator
from typing import Final

from appliance.atproto.identity import plc, plc_log
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.identity.errors import (
    IdentityNotFound,
    IdentityUnreachable,
    InvalidOperation,
)
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.pds.accounts import Account
from appliance.pds.identities import Identities
from appliance.pds.own_addresses import OwnAddress
from appliance.upkeep.checkup import Finding

HOUR_US: Final = 3600 * 1_000_000
RECOVERY_HOURS: Final = 72


class IdentityChecks:
    """Look at the identities of our accounts, by what directory and DNS say now."""

    def __init__(
        self,
        identities: Identities,
        resolver: IdentityResolver,
        directory: PlcClient,
        clock: Clock,
        here: OwnAddress,
    ) -> None:
        """Take the address here; names under its domains are told by nobody else than us."""
        self._identities = identities
        self._resolver = resolver
        self._directory = directory
        self._clock = clock
        self._here = here

    async def look(self, account: Account, signing_key: str) -> list[Finding]:
        """Say what is wrong with one active account; nothing when all is well.

        Raises IdentityUnreachable when that cannot be seen.
        """
        subject = f"Identity of {account.handle}"
        try:
            document = await self._resolver.document(account.did, fresh=True)
        except IdentityNotFound as missing:
            return [
                Finding(
                    subject,
                    "bad",
                    f"{missing}",
                    "an identity that everybody can look up",
                    "see that the did:plc directory in the settings is the one it was made in",
                    "identity-missing",
                )
            ]
        found = list(self._of_document(subject, document, signing_key))
        found += await self._of_handle(subject, account, document)
        if plc.is_plc_did(account.did):
            found += await self._of_log(subject, account.did)
        return found

    def _of_document(
        self, subject: str, document: DidDocument, signing_key: str
    ) -> Iterator[Finding]:
        if document.pds != self._here.url:
            yield Finding(
                subject,
                "bad",
                f"it names {document.pds or 'no server'}, so nobody looks for it here",
                self._here.url,
                "if the member has moved away, deactivate the account here; else move it in again",
                "identity-elsewhere",
            )
        key = document.signing_key
        if key is None or key.did_key != signing_key:
            yield Finding(
                subject,
                "bad",
                "it names another key than the one that signs here, so others drop what it says",
                signing_key,
                "let the member ask for a PLC operation under /account, moving, or restore the"
                " newest backup of the keys",
                "identity-key",
            )

    async def _of_handle(
        self, subject: str, account: Account, document: DidDocument
    ) -> list[Finding]:
        if document.handle != account.handle:
            seen = f"its document names {document.handle or 'no handle'}"
            expected = str(account.handle)
            remedy = "set the handle again, under /account or with the operator's updateHandle"
            return [Finding(subject, "bad", seen, expected, remedy, "handle-document")]
        if self._here.domains and account.handle.endswith(self._here.domains):
            return []
        self._resolver.purge(account.did)
        try:
            owner: Did | None = await self._resolver.did_for(account.handle)
        except IdentityNotFound:
            owner = None
        except IdentityUnreachable as problem:
            # The directory has answered: so it is this name that cannot be looked up.
            return [self._lost(subject, account, f"it leads nowhere: {problem}")]
        if owner == account.did:
            return []
        return [self._lost(subject, account, f"{account.handle} leads to {owner or 'nobody'}")]

    def _lost(self, subject: str, account: Account, seen: str) -> Finding:
        return Finding(
            subject,
            "bad",
            seen,
            str(account.did),
            f"for a name of its own: a DNS record _atproto.{account.handle} with"
            f" did={account.did}; for one of this network: a wildcard that leads here",
            "handle-resolve",
        )

    async def _of_log(self, subject: str, did: Did) -> list[Finding]:
        log = plc_log.validate_log(did, await self._directory.audit_log(did))
        found: list[Finding] = []
        own = self._identities.rotation_key
        if own not in plc.normalize(log[-1].operation).get("rotationKeys", []):
            found.append(
                Finding(
                    subject,
                    "warn",
                    "the rotation key of this server is not in it, so nothing can be changed here",
                    "the key of this server among its rotation keys",
                    "let the member add it with their own recovery key, or leave it so knowingly",
                    "rotation-key",
                )
            )
        now = self._clock.now_us()
        for before, entry in zip(log, log[1:], strict=False):
            keys = plc.normalize(before.operation)["rotationKeys"]
            signer = plc_log.signer_of(entry.operation, keys)
            hours = max(now - entry.created_us, 0) // HOUR_US
            if signer == own or hours >= RECOVERY_HOURS:
                continue
            # A key undoes what a key listed after it has signed.
            undone = own in keys and keys.index(own) < keys.index(signer)
            how = (
                f"tell the operator: this server can undo it for {RECOVERY_HOURS - hours} hours"
                if undone
                else "if it was not the member: only a recovery key that stands before that one"
                f" can undo it, for {RECOVERY_HOURS - hours} hours"
            )
            seen = f"it was changed {hours} hours ago by the key {signer[:24]}…, which is not ours"
            expected = "changes that the member knows of"
            found.append(Finding(subject, "warn", seen, expected, how, "plc-changed"))
        return found


def unreachable(account: Account, problem: IdentityUnreachable) -> Finding:
    """What to say when nothing can be seen."""
    return Finding(
        f"Identity of {account.handle}",
        "warn",
        f"it cannot be looked at: {problem}",
        "an answer of the directory",
        "see that the internet and the did:plc directory can be reached, then look again",
        "directory-silent",
    )


def forged(account: Account, problem: InvalidOperation) -> Finding:
    """What to say when the log of an identity does not verify."""
    return Finding(
        f"Identity of {account.handle}",
        "bad",
        f"the directory gives a log that cannot be true: {problem}",
        "operations that are signed, one after the other",
        "check which did:plc directory is set, and tell its operator",
        "plc-forged",
    )


def keyless(account: Account) -> Finding:
    """What to say when the key is not there."""
    return Finding(
        f"Identity of {account.handle}",
        "bad",
        "the key that signs its records is not here",
        "a key for every account",
        "restore the last backup that was proven",
        "key-missing",
    )
