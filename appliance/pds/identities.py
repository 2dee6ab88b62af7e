"""The identities of hosted accounts: make their DIDs, change them, check what they say."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from appliance.atproto.crypto import InvalidKey, PrivateKey, PublicKey
from appliance.atproto.identity import plc
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did, Handle, JsonObject
from appliance.base.turns import Turns
from appliance.pds.accounts import Account
from appliance.pds.signing_keys import SigningKeys

# A login goes on without the document when the directory is slow.
DOCUMENT_SECONDS: Final = 3.0

_PDS_TYPE = "AtprotoPersonalDataServer"
Service: TypeAlias = tuple[str, str]
_CHANGEABLE = ("rotationKeys", "alsoKnownAs", "verificationMethods", "services")


class UnusableIdentity(ValueError):
    """A DID, or a change of one, under which this server could not serve the account."""

    xrpc_name = "InvalidRequest"


class Identities:
    """Act on the DIDs of our accounts with this server's rotation key.

    An operation names the one before it, so those of one DID are made one after the other.
    """

    def __init__(
        self,
        directory: PlcClient,
        resolver: IdentityResolver,
        keys: SigningKeys,
        rotation_key: PrivateKey,
        pds_url: str,
    ) -> None:
        self._directory = directory
        self._resolver = resolver
        self._keys = keys
        self._rotation_key = rotation_key
        self._pds_url = pds_url
        self._turns: Turns[Did] = Turns()

    async def create(self, handle: Handle, recovery_key: str | None) -> tuple[Did, PrivateKey]:
        """Make a did:plc and the signing key it names.

        The recovery key goes in front of ours, so its owner can always take the DID back.
        Raises UnusableIdentity, and what the directory client raises.
        """
        key = PrivateKey.generate()
        rotation_keys = [self._rotation_key.public.did_key]
        if recovery_key is not None:
            _check_key(recovery_key)
            rotation_keys.insert(0, recovery_key)
        operation = plc.sign_operation(
            plc.genesis_operation(
                rotation_keys=rotation_keys,
                signing_key=key.public.did_key,
                handle=handle,
                pds_url=self._pds_url,
            ),
            self._rotation_key,
        )
        did = plc.did_for(operation)
        await self._directory.submit(did, operation)
        return did, key

    @property
    def rotation_key(self) -> str:
        """This server's rotation key, as a did:key."""
        return self._rotation_key.public.did_key

    async def state(self, did: Did) -> JsonObject:
        """What the directory says of a did:plc now. Raises UnusableIdentity for another DID."""
        if not plc.is_plc_did(did):
            raise UnusableIdentity("Only a did:plc has rotation keys")
        return await self._directory.data(did)

    async def last_operation(self, did: Did) -> JsonObject:
        """The newest signed operation of a did:plc, which the next one has to name."""
        return await self._directory.last_op(did)

    def key_for_arrival(self, did: Did) -> PrivateKey:
        """The key for an account that moves here: the one reserved for it, or a new one."""
        return self._keys.reserved(did) or PrivateKey.generate()

    async def set_handle(self, did: Did, handle: Handle) -> None:
        """Write a handle into the DID document.

        A did:web, and a did:plc of whose rotation keys none is ours, is changed by its owner alone:
        raises UnusableIdentity unless it names the handle already.
        """
        if self._resolver.own(did) is not None:
            return  # its document is made here and follows
        async with self._turns.of(did):
            last = await self._directory.last_op(did) if plc.is_plc_did(did) else None
            if last is not None and self.rotation_key in plc.normalize(last)["rotationKeys"]:
                if last.get("alsoKnownAs", [])[:1] != [f"at://{handle}"]:
                    await self._submit(did, plc.update_operation(last, handle=handle))
            elif (await self._resolver.document(did, fresh=True)).handle != handle:
                raise UnusableIdentity(f"DID is not properly configured for handle {handle}")
            self._resolver.purge(did)

    async def handle_of(self, did: Did) -> Handle | None:
        """The handle that the DID document names now. Raises what resolving raises."""
        return (await self._resolver.document(did, fresh=True)).handle

    async def readdress(self, did: Did, handle: Handle) -> None:
        """Write the address of this server, and a handle, into a did:plc.

        Raises what the directory client raises.
        """
        async with self._turns.of(did):
            last = await self._directory.last_op(did)
            update = plc.update_operation(last, handle=handle, pds_url=self._pds_url)
            await self._submit(did, update)
            self._resolver.purge(did)

    async def hand_over(self, did: Did, operation: JsonObject) -> None:
        """Give the directory an operation that another directory has, as it is."""
        await self._directory.submit(did, operation)

    async def set_signing_key(self, did: Did, key: PublicKey) -> None:
        """Write a signing key into the DID document; does nothing when it is there already.

        Raises UnusableIdentity for a did:web, which only its owner can change.
        """
        async with self._turns.of(did):
            if (await self.state(did))["verificationMethods"].get("atproto") != key.did_key:
                last = await self._directory.last_op(did)
                await self._submit(did, plc.update_operation(last, signing_key=key.did_key))
            self._resolver.purge(did)

    async def declare(
        self, did: Did, services: Mapping[str, Service], keys: Mapping[str, str]
    ) -> bool:
        """Name services (type, URL) and keys (did:key) in the document, beside what is there.

        Tells whether anything had to be changed.
        """
        async with self._turns.of(did):
            last = await self._directory.last_op(did)
            operation = plc.update_operation(last)
            named = {name: {"type": of, "endpoint": url} for name, (of, url) in services.items()}
            operation["services"] = {**operation["services"], **named}
            operation["verificationMethods"] = {**operation["verificationMethods"], **keys}
            if all(operation[name] == last[name] for name in ("services", "verificationMethods")):
                return False
            await self._submit(did, operation)
            self._resolver.purge(did)
            return True

    def credentials(self, account: Account) -> JsonObject:
        """What the DID of an account has to say for this server to serve it."""
        return {
            "rotationKeys": [self._rotation_key.public.did_key],
            "alsoKnownAs": [f"at://{account.handle}"],
            "verificationMethods": {"atproto": self._keys.get(account.did).public.did_key},
            "services": {"atproto_pds": {"type": _PDS_TYPE, "endpoint": self._pds_url}},
        }

    async def sign(self, did: Did, changes: JsonObject) -> JsonObject:
        """Sign the operation that makes these changes, without submitting it."""
        if not plc.is_plc_did(did):
            raise UnusableIdentity("Only a did:plc has operations")
        operation = plc.update_operation(await self._directory.last_op(did))
        operation |= {name: changes[name] for name in _CHANGEABLE if changes.get(name) is not None}
        return plc.sign_operation(operation, self._rotation_key)

    async def submit(self, account: Account, operation: Any) -> None:
        """Submit a signed operation that leaves the account here. Raises UnusableIdentity."""
        self._check_operation(account, operation)
        async with self._turns.of(account.did):
            await self._directory.submit(account.did, operation)
            self._resolver.purge(account.did)

    async def document(self, did: Did) -> JsonObject | None:
        """The DID document for a session, or None while it cannot be had or names another server.

        Clients go where the document says, with tokens that only this server knows.
        """
        document = self._resolver.at_hand(did)
        if document is None:
            try:
                async with asyncio.timeout(DOCUMENT_SECONDS):
                    document = await self._resolver.document(did)
            except (LookupError, OSError):
                return None
        return document.raw if document.pds == self._pds_url else None

    async def points_here(self, did: Did) -> bool:
        """Whether the account could be active here."""
        try:
            await self.check_points_here(did)
        except (UnusableIdentity, LookupError, OSError):
            return False
        return True

    async def check_points_here(self, did: Did) -> None:
        """Raises UnusableIdentity unless the DID names this server and the key it signs with.

        A rotation key of ours is not asked for: an identity may be its owner's alone.
        """
        document = await self._resolver.document(did, fresh=True)
        if document.pds != self._pds_url:
            raise UnusableIdentity("DID document atproto_pds service endpoint is not this server")
        if document.signing_key != self._keys.get(did).public:
            raise UnusableIdentity("DID document verification method is not the signing key here")

    async def _submit(self, did: Did, operation: JsonObject) -> None:
        await self._directory.submit(did, plc.sign_operation(operation, self._rotation_key))

    def _check_operation(self, account: Account, operation: Any) -> None:
        if not isinstance(operation, dict) or operation.get("type") != "plc_operation":
            raise UnusableIdentity("Not a regular PLC operation")
        wanted = self.credentials(account)
        if wanted["rotationKeys"][0] not in _list(operation.get("rotationKeys")):
            raise UnusableIdentity("Rotation keys do not include server's rotation key")
        if _dict(operation.get("services")).get("atproto_pds") != wanted["services"]["atproto_pds"]:
            raise UnusableIdentity("Incorrect type or endpoint on atproto_pds service")
        methods = _dict(operation.get("verificationMethods"))
        if methods.get("atproto") != wanted["verificationMethods"]["atproto"]:
            raise UnusableIdentity("Incorrect signing key")
        if _list(operation.get("alsoKnownAs"))[:1] != wanted["alsoKnownAs"]:
            raise UnusableIdentity("Incorrect handle in alsoKnownAs")


def _check_key(text: str) -> None:
    try:
        PublicKey.parse(text)
    except InvalidKey as bad:
        raise UnusableIdentity("recoveryKey is not a did:key of a known curve") from bad
    if not text.startswith("did:key:"):
        raise UnusableIdentity("recoveryKey is not a did:key")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
