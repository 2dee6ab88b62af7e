"""Who a client is: public ones say it, confidential ones sign it (private_key_jwt).

https://atproto.com/specs/oauth#confidential-client-authentication
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.atproto import jwt
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.pds.oauth import seen
from appliance.pds.oauth.client_registry import ClientRegistry
from appliance.pds.oauth.clients import Client
from appliance.pds.oauth.errors import InvalidClient, OAuthError

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# As long as an assertion can be good: a minute, and the clocks may differ by half of one.
_REMEMBERED_US: Final = 180 * 1_000_000


@dataclass(frozen=True)
class KnownClient:
    """A client that proved who it is; `key` is the thumbprint of what it signed with, if it did."""

    client: Client
    key: str | None = None
    is_trusted: bool = False

    @property
    def may_stay(self) -> bool:
        """Whether its sessions last as long as they are used; others end after two weeks."""
        return self.key is not None or self.is_trusted


class ClientAuth:
    """Check who a client is."""

    def __init__(
        self,
        db: Database,
        registry: ClientRegistry,
        issuer: str,
        clock: Clock,
        trusted: Collection[str] = (),
    ) -> None:
        """Take the client_ids that the operator trusts as `trusted`."""
        self.trusted = frozenset(trusted)
        self._db = db
        self.registry = registry
        self._issuer = issuer
        self._clock = clock

    async def check(self, form: Mapping[str, str]) -> KnownClient:
        """Find the client of a request and check what proves it.

        Raises InvalidClient, InvalidClientId, InvalidClientMetadata, ClientUnreachable.
        """
        client_id, assertion = form.get("client_id", ""), form.get("client_assertion", "")
        if not client_id:
            raise OAuthError("invalid_request", "client_id is missing")
        if "client_secret" in form:
            raise InvalidClient("Clients here have no secret")
        client = await self.registry.find(client_id)
        if not client.is_confidential:
            if assertion:
                raise InvalidClient("A public client makes no assertion")
            return self.believed(client)
        if not assertion or form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidClient("This client has to prove itself by a client_assertion")
        found = await self._verified(client, assertion)
        now = self._clock.now_us()
        mark = f"{client_id} {found.jti}"
        until = int(found.issued_at * 1_000_000) + _REMEMBERED_US
        if not await self._db.write(seen.remember, "assertion", mark, now, until):
            raise InvalidClient("The client assertion was used before")
        return KnownClient(client, found.thumbprint, client_id in self.trusted)

    def believed(self, client: Client) -> KnownClient:
        """Take a client's word for who it is."""
        return KnownClient(client, is_trusted=client.client_id in self.trusted)

    async def client(self, client_id: str) -> Client:
        """Find a client that proves nothing. Raises OAuthError."""
        return await self.registry.find(client_id)

    async def _verified(self, client: Client, assertion: str) -> jwt.ClientAssertion:
        """Check an assertion, by newer keys if it names one that is not known."""
        try:
            if self._key_id(assertion) not in [key.get("kid") for key in client.keys]:
                client = await self.registry.find(client.client_id, newest=True)
            return jwt.verify_client_assertion(
                assertion,
                client_id=client.client_id,
                audience=[self._issuer],
                keys=client.keys,
                now=self._clock.now(),
            )
        except jwt.InvalidToken as bad:
            raise InvalidClient(f"client_assertion: {bad}") from bad

    @staticmethod
    def _key_id(assertion: str) -> object:
        return jwt.parse(assertion).header.get("kid")
