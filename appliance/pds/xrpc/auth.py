"""Who is calling: from an Authorization header to a `Caller`, one function per kind of method."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from aiohttp.web import Request

from appliance.atproto import jwt
from appliance.atproto.syntax import Did, Handle
from appliance.atproto.xrpc import service_auth
from appliance.atproto.xrpc.errors import AuthRequired, Forbidden, InvalidToken
from appliance.pds.accounts import Account, AccountNotFound, AccountTakedown
from appliance.pds.role import Pds
from appliance.pds.sessions import ACCESS_TYP, REFRESH_TYP, RefreshClaims, SessionKind
from appliance.upkeep import operator_access

CallerKind = Literal["full", "app_pass", "app_pass_privileged", "takendown", "service", "operator"]

_MEMBER_KINDS: frozenset[SessionKind] = frozenset({"full", "app_pass", "app_pass_privileged"})
_ALL_KINDS: frozenset[SessionKind] = _MEMBER_KINDS | {"takendown"}


@dataclass(frozen=True)
class Caller:
    """Who is asking, and by what right. The operator's `did` is the one of this service."""

    did: Did
    kind: CallerKind

    @property
    def is_operator(self) -> bool:
        return self.kind == "operator"

    @property
    def is_privileged(self) -> bool:
        """Whether the caller may reach chats and move the account."""
        return self.kind in ("full", "app_pass_privileged")

    def may_see(self, did: Did) -> bool:
        """Whether the caller sees an account that is closed to the public."""
        return self.is_operator or self.did == did


async def account(pds: Pds, request: Request) -> Caller:
    """A member, by any password, who is not taken down."""
    return _member(pds, request, _MEMBER_KINDS)


async def account_full(pds: Pds, request: Request) -> Caller:
    """A member who signed in with the account's own password."""
    return _member(pds, request, {"full"})


async def account_any(pds: Pds, request: Request) -> Caller:
    """A member, even one who is taken down and signed in to leave."""
    return _present(pds, _session(pds, request, _ALL_KINDS))


async def owner(pds: Pds, request: Request) -> Caller:
    """Whoever signed in with the account's own password, even when taken down."""
    return _present(pds, _session(pds, request, {"full", "takendown"}))


async def reader(pds: Pds, request: Request) -> Caller | None:
    """Whoever reads what is public; owner and operator also see what is closed."""
    if not is_authorized(request):
        return None
    scheme, _ = _authorization(request)
    return await operator(pds, request) if scheme == "basic" else await account_any(pds, request)


async def operator(pds: Pds, request: Request) -> Caller:
    """The operator, by the token of this server."""
    await operator_access.operator(pds, request)
    return Caller(pds.did, "operator")


async def service_or_account(pds: Pds, request: Request) -> Caller:
    """A member, or a service that holds a token signed by a member's key for this method."""
    token = _bearer(request)
    if _is_service_token(token):
        caller = Caller(await _service(pds, request, token), "service")
        account_of(pds, caller.did)
        return caller
    return _member(pds, request, _MEMBER_KINDS)


async def optional_service(pds: Pds, request: Request) -> Caller | None:
    """Whoever proves a DID by a service token for this method, or nobody in particular."""
    if not is_authorized(request):
        return None
    token = _bearer(request)
    return Caller(await _service(pds, request, token), "service")


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


def _present(pds: Pds, caller: Caller) -> Caller:
    """Check that the caller's account was not deleted. Raises 403 AccountNotFound."""
    if pds.accounts.find(caller.did) is None:
        raise _forbidden(AccountNotFound(caller.did))
    return caller


def _member(pds: Pds, request: Request, kinds: Collection[SessionKind]) -> Caller:
    caller = _session(pds, request, kinds)
    account_of(pds, caller.did)
    return caller


def _session(pds: Pds, request: Request, kinds: Collection[SessionKind]) -> Caller:
    token = _bearer(request)
    claims = pds.mint.check_access(token)
    if claims.kind not in kinds:
        raise InvalidToken("Bad token scope")
    return Caller(claims.did, claims.kind)


async def _service(pds: Pds, request: Request, token: str) -> Did:
    lxm = request.match_info["nsid"]
    return await service_auth.verify(
        token,
        audience=[pds.did, f"{pds.did}#atproto_pds"],
        lxm=lxm,
        resolver=pds.resolver,
        now=pds.clock.now(),
    )


def _is_service_token(token: str) -> bool:
    try:
        typ = jwt.parse(token).header.get("typ")
    except jwt.InvalidToken:
        return False
    return typ not in (ACCESS_TYP, REFRESH_TYP)


def _bearer(request: Request) -> str:
    scheme, token = _authorization(request)
    if scheme != "bearer":
        raise InvalidToken("Unexpected authorization type")
    return token


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
