"""The authorization server as a whole: its parts, and the two steps that need several of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from appliance.atproto.syntax import Did, JsonObject
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.pds.accounts import AccountStore
from appliance.pds.oauth.client_auth import ClientAuth
from appliance.pds.oauth.client_registry import ClientRegistry
from appliance.pds.oauth.dpop import DpopGuard
from appliance.pds.oauth.grants import Approval, GrantStore
from appliance.pds.oauth.permissions import Permissions, Sets, expand
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.pds.oauth.pushing import asked_by
from appliance.pds.oauth.requests import PUSHED_SECONDS, PendingRequest, Pushed, RequestStore
from appliance.pds.oauth.token_desk import TokenDesk
from appliance.pds.oauth.tokens import TokenWriter


@dataclass(frozen=True)
class Names:
    """What this server is called as an issuer and as a resource, and what it seals tokens with.

    `trusted`: the apps that its operator trusts, by client_id.
    """

    issuer: str
    resource: Did
    secret: bytes = field(repr=False)
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuthorizationServer:
    """Lets apps in; `desk` gives them tokens."""

    issuer: str
    auth: ClientAuth
    dpop: DpopGuard
    grants: GrantStore
    requests: RequestStore
    desk: TokenDesk
    sets: Sets

    @classmethod
    def of(
        cls,
        db: Database,
        http: HttpClient,
        clock: Clock,
        names: Names,
        accounts: AccountStore,
        sets: Sets,
    ) -> Self:
        """Build the parts."""
        auth = ClientAuth(db, ClientRegistry(http, clock.now), names.issuer, clock, names.trusted)
        grants = GrantStore(db, clock)
        tokens = TokenWriter(names.secret, names.issuer, names.resource, clock)
        desk = TokenDesk(auth, grants, tokens, accounts, sets)
        requests = RequestStore(db, clock)
        return cls(names.issuer, auth, DpopGuard(clock), grants, requests, desk, sets)

    async def push(self, form: Mapping[str, str], dpop_jkt: str, source: str) -> JsonObject:
        """Take a request; whoever sends it has proved its key. Raises OAuthError."""
        known = await self.auth.check(form)
        asked = asked_by(known.client, form, dpop_jkt)
        pushed = Pushed(known.client.client_id, asked, dpop_jkt, known.key, source)
        return {"request_uri": await self.requests.push(pushed), "expires_in": PUSHED_SECONDS - 1}

    async def approve(self, request: PendingRequest, did: Did, granted: Permissions) -> str:
        """Grant a request, or the part of it that the member agreed to; return the code.

        Raises RequestGone, InvalidScope.
        """
        if not granted.within(request.asked.scope):
            raise InvalidScope("this is more than was asked for")
        permissions = await expand(granted, self.sets)
        return await self.grants.approve(request, Approval(did, str(granted), str(permissions)))
