"""Where clients come for tokens: with a code, with a refresh token, and to give them back.

Whoever comes has proved its key (DPoP) before anything here is looked at, let alone used up.
"""

from collections.abc import Mapping

from appliance.atproto import jwt
from appliance.atproto.crypto import InvalidKey, PublicKey
from appliance.atproto.syntax import JsonObject
from appliance.pds.accounts import AccountStore
from appliance.pds.oauth.client_auth import ClientAuth, KnownClient
from appliance.pds.oauth.clients import Client
from appliance.pds.oauth.errors import (
    ClientUnreachable,
    InvalidClient,
    InvalidGrant,
    InvalidToken,
    OAuthError,
)
from appliance.pds.oauth.grants import Bearer, CodeUse, Grant, GrantStore
from appliance.pds.oauth.permissions import Permissions, Sets, expand
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.pds.oauth.tokens import ACCESS_SECONDS, OAuthClaims, RefreshName, TokenWriter


class TokenDesk:
    """Exchange codes, renew tokens, revoke them."""

    def __init__(
        self,
        auth: ClientAuth,
        grants: GrantStore,
        tokens: TokenWriter,
        accounts: AccountStore,
        sets: Sets,
    ) -> None:
        self._auth = auth
        self._grants = grants
        self._tokens = tokens
        self._accounts = accounts
        self._sets = sets

    async def issue(self, form: Mapping[str, str], dpop_jkt: str, now: float) -> JsonObject:
        """Answer a token request; `dpop_jkt` is the key that was proved. Raises OAuthError."""
        match form.get("grant_type"):
            case "authorization_code":
                known = await self._auth.check(form)
                grant = await self._grants.exchange(_code_use(form), _bearer(known, dpop_jkt))
            case "refresh_token":
                known, grant = await self._renewed(form, dpop_jkt)
            case None:
                raise OAuthError("invalid_request", "grant_type is missing")
            case _:
                raise OAuthError("unsupported_grant_type", "Not a grant_type of this profile")
        await self._check_standing(grant)
        return self._answer(grant, known.client, now)

    async def revoke(self, form: Mapping[str, str]) -> None:
        """End the grant of a token, if it is one of ours and the client's. Raises OAuthError."""
        grant = self._grant_of(_required(form, "token"))
        try:
            await self._auth.check(form)
        except ClientUnreachable:
            if grant is not None and grant.client_key is not None:
                raise
        if grant is None:
            return
        if grant.client_id != form.get("client_id"):
            raise InvalidGrant("The token was issued to another client")
        await self._grants.end(grant.id)

    def holder(self, access_token: str) -> tuple[Grant, OAuthClaims]:
        """Find the grant of an access token that counts. Raises InvalidToken."""
        claims = self._tokens.check_access(access_token)
        grant = self._grants.good(claims.grant_id, claims.generation)
        if grant is None:
            raise InvalidToken("The access token was revoked or replaced")
        return grant, claims

    async def _renewed(self, form: Mapping[str, str], dpop_jkt: str) -> tuple[KnownClient, Grant]:
        name = self._name_of(_required(form, "refresh_token"))
        grant = self._grants.find(name.grant_id)
        if grant is None:
            raise InvalidGrant("The session is over")
        known = await self._client_of(grant, form)
        if not known.client.may_refresh:
            raise OAuthError("unauthorized_client", "The client does not declare refresh_token")
        if not set(form.get("scope", grant.scope).split(" ")) <= set(grant.scope.split(" ")):
            raise OAuthError("invalid_scope", "This is more than was granted")
        permissions = await self._permissions(grant)
        return known, await self._grants.renew(name, _bearer(known, dpop_jkt), permissions)

    def _name_of(self, refresh_token: str) -> RefreshName:
        """Name a refresh token, ours or one that was taken over. Raises InvalidGrant."""
        adopted = self._grants.adopted(refresh_token)
        return adopted or self._tokens.read_refresh(refresh_token)

    async def _client_of(self, grant: Grant, form: Mapping[str, str]) -> KnownClient:
        """Check the client of a grant; one whose key is no longer published has lost the grant."""
        try:
            known = await self._auth.check(form)
        except ClientUnreachable:
            if grant.client_key is not None or form.get("client_id") != grant.client_id:
                raise
            # A public client proves nothing by its document; it may be down for a while.
            silent = Client(grant.client_id, (), grant.scope, may_refresh=True)
            return self._auth.believed(silent)
        except InvalidClient:
            await self._drop_if_keyless(grant, form)
            raise
        if known.key != grant.client_key:
            await self._drop_if_keyless(grant, form)
        return known

    async def _drop_if_keyless(self, grant: Grant, form: Mapping[str, str]) -> None:
        if grant.client_key is None or form.get("client_id") != grant.client_id:
            return
        client = await self._auth.client(grant.client_id)
        if grant.client_key not in map(_thumbprint, client.keys):
            await self._grants.end(grant.id)

    async def _permissions(self, grant: Grant) -> str:
        """What the grant's permission sets grant today; of old, if they cannot be had."""
        try:
            found = await expand(Permissions.parse(grant.scope), self._sets, renewing=True)
        except InvalidScope:
            return grant.permissions
        return str(found)

    async def _check_standing(self, grant: Grant) -> None:
        account = self._accounts.find(grant.did)
        if account is None or account.takedown_ref is not None:
            await self._grants.end(grant.id)
            raise InvalidGrant("The account is closed")

    def _answer(self, grant: Grant, client: Client, now: float) -> JsonObject:
        lasting = min(ACCESS_SECONDS, grant.expires_at // 1_000_000 - int(now))
        claims = OAuthClaims(
            grant.id, grant.generation, grant.did, grant.dpop_jkt, int(now) + lasting
        )
        answer: JsonObject = {
            "access_token": self._tokens.access(claims, grant.client_id),
            "token_type": "DPoP",
            "expires_in": lasting,
            "scope": grant.scope,
            "sub": grant.did,
        }
        if client.may_refresh:
            answer["refresh_token"] = self._tokens.refresh(RefreshName(grant.id, grant.generation))
        return answer

    def _grant_of(self, token: str) -> Grant | None:
        """Find the grant of any token of ours, also one that is used up."""
        try:
            if token.startswith("ref-"):
                return self._grants.find(self._name_of(token).grant_id)
            return self._grants.find(self._tokens.read_access(token).grant_id)
        except (InvalidGrant, InvalidToken):
            return None


def _code_use(form: Mapping[str, str]) -> CodeUse:
    names = ("code", "redirect_uri", "code_verifier")
    code, redirect_uri, verifier = (_required(form, name) for name in names)
    return CodeUse(code, redirect_uri, verifier)


def _bearer(known: KnownClient, dpop_jkt: str) -> Bearer:
    return Bearer(known.client.client_id, known.key, dpop_jkt, known.may_stay)


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise OAuthError("invalid_request", f"{name} is missing")
    return value


def _thumbprint(jwk: JsonObject) -> str:
    try:
        return jwt.thumbprint(PublicKey.from_jwk(jwk))
    except InvalidKey:
        return ""
