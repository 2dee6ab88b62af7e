"""The authorization server as a whole: its parts, and the two steps that need several of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.atproto.syntax import Did, JsonObject
from appliance.pds.oauth.client_auth import ClientAuth
from appliance.pds.oauth.dpop import DpopGuard
from appliance.pds.oauth.grants import Approval, GrantStore
from appliance.pds.oauth.permissions import Permissions, Sets, expand
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.pds.oauth.pushing import asked_by
from appliance.pds.oauth.requests import PUSHED_SECONDS, PendingRequest, Pushed, RequestStore
from appliance.pds.oauth.token_desk import TokenDesk


@dataclass(frozen=True)
class AuthorizationServer:
    """Lets apps in; `desk` gives them tokens."""

    auth: ClientAuth
    dpop: DpopGuard
    grants: GrantStore
    requests: RequestStore
    desk: TokenDesk

    async def push(self, form: Mapping[str, str], dpop_jkt: str, source: str) -> JsonObject:
        """Take a request; whoever sends it has proved its key. Raises OAuthError."""
        known = await self.auth.check(form)
        asked = asked_by(known.client, form, dpop_jkt)
        pushed = Pushed(known.client.client_id, asked, dpop_jkt, known.key, source)
        return {"request_uri": await self.requests.push(pushed), "expires_in": PUSHED_SECONDS - 1}

    async def approve(
        self, request: PendingRequest, did: Did, granted: Permissions, sets: Sets
    ) -> str:
        """Grant a request, or the part of it that the member agreed to; return the code.

        Raises RequestGone, InvalidScope.
        """
        if not granted.within(request.asked.scope):
            raise InvalidScope("this is more than was asked for")
        permissions = await expand(granted, sets)
        return await self.grants.approve(request, Approval(did, str(granted), str(permissions)))
