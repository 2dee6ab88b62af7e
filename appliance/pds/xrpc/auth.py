"""Who is calling: from an Authorization header to a `Caller`, one function per kind of method.

Apps that came by OAuth are let in nowhere, unless a method says by `for_apps` what they need.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from aiohttp.web import Request

from appliance.atproto import jwt
from appliance.atproto.syntax import Did, Handle
from appliance.atproto.xrpc import service_auth
from appliance.atproto.xrpc.errors import AuthRequired, Forbidden, InvalidToken, XrpcError
from appliance.pds.accounts import Account, AccountNotFound, AccountTakedown
from appliance.pds.oauth.permissions import Permissions, service_call
from appliance.pds.oauth.permissions_kinds import Permission
from appliance.pds.role import Pds
from appliance.pds.sessions import (
    ACCESS_TYP,
    REFRESH_TYP,
    AccessClaims,
    ExpiredSessionToken,
    RefreshClaims,
    SessionKind,
)
from appliance.pds.xrpc.apps import grant_of
from appliance.upkeep import operator_access

CallerKind = Literal[
    "full", "app_pass", "app_pass_privileged", "takendown", "oauth", "service", "operator"
]
# What an app needs for a call: a permission, or None where being signed in is enough.
Need: TypeAlias = Callable[[Pds, Request], Permission | None]

_MEMBER_KINDS: frozenset[SessionKind] = frozenset({"full", "app_pass", "app_pass_privileged"})
_ALL_KINDS: frozenset[SessionKind] = _MEMBER_KINDS | {"takendown"}


class InsufficientScope(XrpcError):
    """The app was not granted what the call needs; it is told the token that would do."""

    def __init__(self, scope: str) -> None:
        told = {"WWW-Authenticate": f'DPoP error="insufficient_scope", scope="{scope}"'}
        super().__init__(403, "ScopeMissingError", f'Missing required scope "{scope}"', told)


@dataclass(frozen=True)
class Caller:
    """Who is asking, and by what right. The operator's `did` is the one of this service.

    `permissions` and `client_id` are those of an app that came by OAuth, kind "oauth".
    """

    did: Did
    kind: CallerKind
    permissions: Permissions | None = None
    client_id: str = ""

    @property
    def is_operator(self) -> bool:
        return self.kind == "operator"

    @property
    def is_privileged(self) -> bool:
        """Whether the caller may reach chats and move the account; an app is asked by `require`."""
        return self.kind in ("full", "app_pass_privileged", "oauth")

    def may_see(self, did: Did) -> bool:
        """Whether the caller sees an account that is closed to the public."""
        return self.is_operator or self.did == did

    def require(self, *needed: Permission) -> None:
        """See that an app was granted each of these; others may. Raises InsufficientScope."""
        for each in needed:
            if self.permissions is not None and not self.permissions.allows(each):
                raise InsufficientScope(str(each))

    def require_call(self, lxm: str, services: list[str]) -> None:
        """See that an app may call a method of a service by one of its names; others may.

        Raises InsufficientScope, which says the first name.
        """
        if self.permissions is not None and not self.permissions.allows_call(lxm, services):
            raise InsufficientScope(str(service_call(lxm, services[0])))


@dataclass(frozen=True)
class Members:
    """Lets members in, by these kinds of session; `need` is what an app has to hold besides.

    `even_takendown`: also those who are taken down, if they come themselves.
    """

    kinds: frozenset[SessionKind]
    even_takendown: bool = False
    need: Need | None = None

    async def __call__(self, pds: Pds, request: Request) -> Caller:
        scheme, token = _authorization(request)
        if scheme == "dpop":
            grant, permissions = await grant_of(pds, request, token)
            caller = Caller(grant.did, "oauth", permissions, grant.client_id)
        else:
            caller = _session(pds, scheme, token, self.kinds)
        if self.even_takendown and caller.permissions is None:
            _check_present(pds, caller)
        else:
            account_of(pds, caller.did)
        if caller.permissions is not None:
            self._check_need(pds, request, caller)
        return caller

    def for_apps(self, need: Need | Permission) -> "Members":
        """The same, open to apps as well."""
        if isinstance(need, Permission):
            permission = need
            return replace(self, need=lambda _pds, _request: permission)
        return replace(self, need=need)

    def _check_need(self, pds: Pds, request: Request, caller: Caller) -> None:
        """Raises Forbidden or InsufficientScope."""
        if self.need is None:
            raise Forbidden("This is not open to apps; the member has to do it")
        needed = self.need(pds, request)
        if needed is not None:
            caller.require(needed)


def signed_in(_pds: Pds, _request: Request) -> None:
    """The need of what every app may do that a member signed in to."""


def looked_at_inside(_pds: Pds, _request: Request) -> None:
    """The need of what depends on the input: the handler asks by `Caller.require`."""


# By any password; by the account's own; by any and even taken down, to leave; by the own so.
account = Members(_MEMBER_KINDS)
account_full = Members(frozenset({"full"}))
account_any = Members(_ALL_KINDS, even_takendown=True)
owner = Members(frozenset({"full", "takendown"}), even_takendown=True)
_any_reader = account_any.for_apps(signed_in)


async def reader(pds: Pds, request: Request) -> Caller | None:
    """Whoever reads what is public; owner and operator also see what is closed."""
    if not is_authorized(request):
        return None
    scheme, _ = _authorization(request)
    return await operator(pds, request) if scheme == "basic" else await _any_reader(pds, request)


async def operator(pds: Pds, request: Request) -> Caller:
    """The operator, by the token of this server."""
    await operator_access.operator(pds, request)
    return Caller(pds.did, "operator")


def service_or(members: Members) -> Callable[[Pds, Request], Awaitable[Caller]]:
    """A member, or a service that holds a token signed by a member's key for this method."""

    async def service_or_member(pds: Pds, request: Request) -> Caller:
        scheme, token = _authorization(request)
        if scheme == "bearer" and _is_service_token(token):
            caller = Caller(await _service(pds, request, token), "service")
            account_of(pds, caller.did)
            return caller
        return await members(pds, request)

    return service_or_member


def stranger_or(members: Members) -> Callable[[Pds, Request], Awaitable[Caller]]:
    """A member, or anybody who proves a DID to the network's labeler by a token for this method."""

    async def stranger_or_member(pds: Pds, request: Request) -> Caller:
        scheme, token = _authorization(request)
        network = pds.network_account.did
        if network is not None and scheme == "bearer" and _is_service_token(token):
            names = [network, f"{network}#atproto_labeler"]
            return Caller(await _service(pds, request, token, names), "service")
        return await members(pds, request)

    return stranger_or_member


async def optional_service(pds: Pds, request: Request) -> Caller | None:
    """Whoever proves a DID by a service token for this method, or nobody in particular.

    Who arrives is judged by what the directory says now: a try that failed because it was away is
    made again as soon as it is back, not only when that is forgotten.
    """
    if not is_authorized(request):
        return None
    token = _bearer(request)
    return Caller(await _service(pds, request, token, anew=True), "service")


async def refresh(pds: Pds, request: Request) -> RefreshClaims:
    """The holder of a refresh token."""
    return pds.mint.check_refresh(_bearer(request))


async def refresh_even_expired(pds: Pds, request: Request) -> RefreshClaims:
    """The holder of a refresh token, however old: to end the session."""
    return pds.mint.check_refresh(_bearer(request), allow_expired=True)


def writable(pds: Pds, caller: Caller, repo: Did | Handle) -> Account:
    """The account whose repo the caller may write to.

    Raises 403 AccountNotFound, 401 AccountTakedown or AccountDeactivated, and 401 when the repo
    is somebody else's.
    """
    try:
        found = pds.accounts.require_writable(repo)
    except AccountNotFound as missing:
        raise _forbidden(missing) from missing
    if found.did != caller.did:
        raise AuthRequired(name="AuthenticationRequired")
    return found


def account_of(pds: Pds, did: Did) -> Account:
    """The account of a caller. Raises 403 AccountNotFound or 401 AccountTakedown."""
    found = pds.accounts.find(did)
    if found is None:
        raise _forbidden(AccountNotFound(did))
    if found.takedown_ref is not None:
        raise AccountTakedown
    return found


def is_authorized(request: Request) -> bool:
    """Whether a request says who is asking; an empty header says nothing."""
    return bool(request.headers.get("Authorization"))


def _check_present(pds: Pds, caller: Caller) -> None:
    """Check that the caller's account was not deleted. Raises 403 AccountNotFound."""
    if pds.accounts.find(caller.did) is None:
        raise _forbidden(AccountNotFound(caller.did))


def _session(pds: Pds, scheme: str, token: str, kinds: Collection[SessionKind]) -> Caller:
    _check_bearer(scheme)
    claims = pds.mint.check_access(token)
    if claims.kind not in kinds:
        raise InvalidToken("Bad token scope")
    if _is_over(pds, claims):
        raise ExpiredSessionToken("Token has been revoked")
    return Caller(claims.did, claims.kind)


def _is_over(pds: Pds, claims: AccessClaims) -> bool:
    """Whether what a token came from was ended: its session, or its app password."""
    made_at, found = claims.app_password, pds.accounts.find(claims.did)
    if found is not None and found.session_generation != claims.generation:
        return True
    return made_at > 0 and not pds.app_passwords.is_there(claims.did, made_at)


async def _service(
    pds: Pds,
    request: Request,
    token: str,
    names: Sequence[str] | None = None,
    *,
    anew: bool = False,
) -> Did:
    """Check a token for this server, or for another by these names."""
    lxm = request.match_info["nsid"]
    return await service_auth.verify(
        token,
        audience=names or [pds.did, f"{pds.did}#atproto_pds"],
        lxm=lxm,
        resolver=pds.resolver,
        now=pds.clock.now(),
        anew=anew,
    )


def _is_service_token(token: str) -> bool:
    try:
        typ = jwt.parse(token).header.get("typ")
    except jwt.InvalidToken:
        return False
    return typ not in (ACCESS_TYP, REFRESH_TYP)


def _bearer(request: Request) -> str:
    scheme, token = _authorization(request)
    _check_bearer(scheme)
    return token


def _check_bearer(scheme: str) -> None:
    if scheme != "bearer":
        raise InvalidToken("Unexpected authorization type")


def _authorization(request: Request) -> tuple[str, str]:
    """The scheme in lower case, and what follows it."""
    header = request.headers.get("Authorization")
    if not header:
        raise AuthRequired()
    scheme, _, rest = header.partition(" ")
    if not rest or " " in rest:
        raise InvalidToken("Malformed authorization header")
    return scheme.lower(), rest


def _forbidden(missing: AccountNotFound) -> Forbidden:
    return Forbidden(str(missing), missing.xrpc_name)
