"""com.atproto.server.*: sessions, app passwords, and tokens for other services."""

from typing import Any

from aiohttp.web import Request

from appliance.atproto.syntax import Datetime, Did, InvalidSyntax, Json, JsonObject, Nsid
from appliance.atproto.xrpc.errors import InvalidRequest, InvalidToken
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds import guesses, rates
from appliance.pds.accounts import Account, AccountTakedown
from appliance.pds.app_passwords import AppPassword
from appliance.pds.credentials import Login, WrongCredentials
from appliance.pds.factors.factors import FactorRequired
from appliance.pds.oauth.permissions import service_call
from appliance.pds.oauth.permissions_kinds import AccountPermission
from appliance.pds.proxy import CREATE_ACCOUNT, PROTECTED, is_privileged
from appliance.pds.role import Pds
from appliance.pds.sessions import ExpiredSessionToken, RefreshClaims, SessionTokens
from appliance.pds.xrpc.auth import (
    Caller,
    account,
    account_any,
    account_full,
    looked_at_inside,
    refresh,
    refresh_even_expired,
    signed_in,
)

methods: MethodTable[Pds] = MethodTable()

SERVICE_TOKEN_SECONDS = 60
LONGEST_SERVICE_TOKEN_SECONDS = 3600
_EMAIL = AccountPermission("email")
_OF_EMAIL = ("email", "emailConfirmed", "emailAuthFactor")


@methods.procedure("com.atproto.server.createSession")
async def create_session(
    pds: Pds,
    *,
    identifier: str,
    password: str,
    auth_factor_token: str | None,
    allow_takendown: bool | None,
    request: Request,
) -> Json:
    login = await _login(pds, identifier, password, request)
    taken_down = login.account.takedown_ref is not None
    if taken_down and not allow_takendown:
        raise AccountTakedown
    if login.app_password is None:
        await _check_second_step(pds, login.account, auth_factor_token or "")
    guesses.right(pds.limits, request, login.account.did)
    tokens = await pds.sessions.begin(login.account.did, login.app_password, takendown=taken_down)
    return await session_view(pds, login.account, tokens)


@methods.procedure("com.atproto.server.refreshSession", auth=refresh)
async def refresh_session(pds: Pds, claims: RefreshClaims, *, request: Request) -> Json:
    found = pds.accounts.find(claims.did)
    if found is None:
        raise ExpiredSessionToken("Token has been revoked")
    if found.takedown_ref is not None:
        raise AccountTakedown
    tokens = await pds.sessions.renew(claims)
    guesses.right(pds.limits, request, claims.did)
    return await session_view(pds, found, tokens)


@methods.query("com.atproto.server.getSession", auth=account_any.for_apps(signed_in))
async def get_session(pds: Pds, caller: Caller) -> Json:
    view = await session_view(pds, pds.accounts.require(caller.did), None)
    may_see_email = caller.permissions is None or caller.permissions.allows(_EMAIL)
    return view if may_see_email else {n: v for n, v in view.items() if n not in _OF_EMAIL}


@methods.procedure("com.atproto.server.deleteSession", auth=refresh_even_expired)
async def delete_session(pds: Pds, claims: RefreshClaims) -> None:
    await pds.sessions.end(claims)


@methods.procedure("com.atproto.server.createAppPassword", auth=account_full)
async def create_app_password(
    pds: Pds, caller: Caller, *, name: str, privileged: bool | None
) -> Json:
    if not 0 < len(name) <= 256:
        raise InvalidRequest("An app password needs a name of at most 256 characters")
    made, secret = await pds.app_passwords.create(caller.did, name, bool(privileged))
    return {**_app_password_view(made), "password": secret}


@methods.query("com.atproto.server.listAppPasswords", auth=account)
async def list_app_passwords(pds: Pds, caller: Caller) -> Json:
    return {"passwords": [_app_password_view(one) for one in pds.app_passwords.list(caller.did)]}


@methods.procedure("com.atproto.server.revokeAppPassword", auth=account)
async def revoke_app_password(pds: Pds, caller: Caller, *, name: str) -> None:
    await pds.sessions.revoke_app_password(caller.did, name)


@methods.query("com.atproto.server.getServiceAuth", auth=account_any.for_apps(looked_at_inside))
async def get_service_auth(
    pds: Pds, caller: Caller, *, aud: str, exp: int | None, lxm: Nsid | None
) -> Json:
    _check_audience(aud)
    is_taken_down = pds.accounts.require(caller.did).takedown_ref is not None
    _check_method(caller, lxm, is_taken_down=is_taken_down)
    caller.require(service_call(lxm, aud))
    now = int(pds.clock.now())
    seconds = SERVICE_TOKEN_SECONDS if exp is None else exp - now
    _check_lifetime(seconds, lxm)
    return {"token": pds.proxy.service_token(caller.did, aud, lxm, seconds)}


async def _login(pds: Pds, identifier: str, password: str, request: Request) -> Login:
    """Check a password, unless too many have been tried. Raises RateLimitExceeded."""
    whose = f"{identifier.lower()[:256]} {pds.limits.address_key(request)}"
    pds.limits.take_for(request, "login", whose, rates.LOGIN)
    found = pds.credentials.named(identifier)
    if found is not None:
        guesses.check(pds.limits, request, found.did)
    try:
        return await pds.credentials.login(identifier, password)
    except WrongCredentials:
        if found is not None:
            guesses.wrong(pds.limits, request, found.did)
        raise


async def session_view(pds: Pds, found: Account, tokens: SessionTokens | None) -> JsonObject:
    """What a client is told of its session, and of the account it is for."""
    view: dict[str, Any] = {
        "did": found.did,
        "handle": found.handle,
        "email": found.email,
        "emailConfirmed": found.email_confirmed_at is not None,
        "active": found.is_active,
    }
    if pds.factors.steps(found.did).mail:
        view["emailAuthFactor"] = True
    if found.status is not None:
        view["status"] = found.status
    document = await pds.identities.document(found.did)
    if document is not None:
        view["didDoc"] = document
    if tokens is not None:
        view |= {"accessJwt": tokens.access_jwt, "refreshJwt": tokens.refresh_jwt}
    return view


async def _check_second_step(pds: Pds, found: Account, answer: str) -> None:
    """Ask for what the account asks behind its password; a code is mailed if that is one.

    Raises FactorRequired, WrongFactor or TooManyGuesses.
    """
    kinds = await pds.factors.required(found.did)
    try:
        await pds.factors.verify(found.did, answer)
    except FactorRequired:
        if "mail" in kinds:
            await pds.factors.send_code(found)
        raise


def _app_password_view(one: AppPassword) -> JsonObject:
    return {
        "name": one.name,
        "createdAt": Datetime.from_us(one.created_at),
        "privileged": one.privileged,
    }


def _check_audience(aud: str) -> None:
    did, separator, service = aud.partition("#")
    if separator and (not service or "#" in service):
        raise InvalidRequest("aud is not a DID with at most one service behind it")
    try:
        Did(did)
    except InvalidSyntax as bad:
        raise InvalidRequest("aud is not a DID") from bad


def _check_method(caller: Caller, lxm: Nsid | None, *, is_taken_down: bool) -> None:
    """Whoever is taken down, by whatever session, gets a token for moving away and no other."""
    if is_taken_down and lxm != CREATE_ACCOUNT:
        raise InvalidToken("Bad token scope")
    if lxm is None:
        return
    if lxm in PROTECTED:
        raise InvalidRequest(f"no service token is given for the protected method {lxm}")
    if is_privileged(lxm) and not (caller.is_privileged or caller.kind == "takendown"):
        raise InvalidRequest(f"insufficient access to request a service token for {lxm}")


def _check_lifetime(seconds: int, lxm: Nsid | None) -> None:
    if seconds < 0:
        raise InvalidRequest("expiration is in past", "BadExpiration")
    if seconds > LONGEST_SERVICE_TOKEN_SECONDS:
        raise InvalidRequest("expiration is too far in the future", "BadExpiration")
    if lxm is None and seconds > SERVICE_TOKEN_SECONDS:
        raise InvalidRequest(
            "a token for every method may be good for a minute at most", "BadExpiration"
        )
