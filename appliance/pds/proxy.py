"""Forward what is not ours: find the service, vouch for the member, let the bodies through.

The member's own token never leaves this server. The service gets a token signed with the
account's key, good for one method and one minute.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc import service_auth
from appliance.atproto.xrpc.pace import PACE
from appliance.base.clock import Clock
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused
from appliance.base.role_wires import WholeAnswer
from appliance.pds.appview_choices import USUAL, AppViewChoice
from appliance.pds.inner_tokens import InnerTokens
from appliance.pds.services_elsewhere import ServicesElsewhere, UpstreamFailed
from appliance.pds.signing_keys import SigningKeys

CREATE_ACCOUNT = "com.atproto.server.createAccount"
# What concerns the account itself is never asked of others in its name.
PROTECTED = frozenset(
    {
        "com.atproto.admin.sendEmail",
        "com.atproto.identity.requestPlcOperationSignature",
        "com.atproto.identity.signPlcOperation",
        "com.atproto.identity.updateHandle",
        "com.atproto.server.activateAccount",
        "com.atproto.server.confirmEmail",
        "com.atproto.server.createAppPassword",
        "com.atproto.server.deactivateAccount",
        "com.atproto.server.getAccountInviteCodes",
        "com.atproto.server.getSession",
        "com.atproto.server.listAppPasswords",
        "com.atproto.server.requestAccountDelete",
        "com.atproto.server.requestEmailConfirmation",
        "com.atproto.server.requestEmailUpdate",
        "com.atproto.server.revokeAppPassword",
        "com.atproto.server.updateEmail",
    }
)
# Names by which the official client asks for "the" AppView.
BLUESKY = Did.unchecked("did:web:api.bsky.app")
_APPVIEW_SERVICES = frozenset({"bsky_appview", "bsky_notif"})

_SENT_ON = ("accept-language", "atproto-accept-labelers", "x-bsky-topics")
_SENT_BACK = ("atproto-repo-rev", "atproto-content-labelers", "retry-after")
_CONTENT = ("content-type", "content-encoding", "content-language", "content-length")

LOOKUP_SECONDS = 5.0


class NoService(ValueError):
    """The call names no service that could be asked."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class Routes:
    """Where calls go that name no service, and which names mean our AppView.

    `appview` is an address ("unix:..." or a URL), or "" when there is none; `inside` is the address
    of the AppView in this appliance, whose DID is `own_did` where another is `appview`.
    """

    own_did: Did
    appview: str
    appview_did: Did
    intercept: bool
    inside: str = ""
    # Services in this appliance, by URL and name: their public address may not lead in from here.
    neighbours: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def appview_is_local(self) -> bool:
        return self.appview.startswith("unix:")


@dataclass(frozen=True)
class Target:
    """A service: its address and the DID a token for it names."""

    address: str
    did: Did
    is_appview: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is our own, which waits until it has read what the caller wrote."""
        return self.address.startswith("unix:")


@dataclass(frozen=True)
class Call:
    """What to forward. Header names are found in any case.

    `vouch_for` is who a token for it names, and for which method, if not whom it is sent to.
    """

    method: str
    nsid: str
    params: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: AsyncIterable[bytes] | None
    vouch_for: tuple[Did, str] | None = None


@dataclass(frozen=True)
class Answer:
    """What came back, body still coming."""

    status: int
    headers: dict[str, str]
    chunks: AsyncIterator[bytes]


def is_privileged(nsid: str) -> bool:
    """Whether a method is closed to ordinary app passwords."""
    return nsid.startswith("chat.bsky.") or nsid == CREATE_ACCOUNT


class Proxy:
    """Forward calls to the AppView, or to the service that a call names."""

    def __init__(
        self,
        http: HttpClient,
        resolver: IdentityResolver,
        keys: SigningKeys,
        routes: Routes,
        clock: Clock,
    ) -> None:
        self._http = http
        self._resolver = resolver
        self._keys = keys
        self._inner = InnerTokens(keys, clock.now)
        self._routes = routes
        self._clock = clock
        self._elsewhere = ServicesElsewhere(clock.now)

    async def target(self, header: str | None, choice: AppViewChoice = USUAL) -> Target:
        """Find the service that an `atproto-proxy` header names; without one, the AppView.

        Which AppView that is, and whether Bluesky's name means it, is the member's choice. Raises
        NoService, UpstreamFailed.
        """
        if header is None:
            return await self._chosen(choice)
        did, service = _parse(header)
        if did == self._routes.appview_did and service in _APPVIEW_SERVICES:
            return self._appview()
        if self._means_appview(did, service, choice):
            return await self._chosen(choice)
        if did == self._routes.own_did:
            raise NoService("The service named is this one, which does not have the method")
        return await self._lookup(header, did, service)

    def check_configured(self, header: str | None) -> None:
        """Raises NoService when a call names no service and there is none by default."""
        if header is None:
            self._appview()

    async def check_choice(self, choice: AppViewChoice) -> None:
        """Look up the AppView that is to be chosen. Raises NoService, UpstreamFailed."""
        await self._chosen(choice)

    def names_us(self, header: str, choice: AppViewChoice = USUAL) -> bool:
        """Whether a header names this server or the caller's AppView. Raises NoService."""
        did, service = _parse(header)
        if did in (self._routes.own_did, self._routes.appview_did):
            return did == self._routes.own_did or service in _APPVIEW_SERVICES
        chosen = choice.kind == "named" and (did, service) == (choice.did, choice.service)
        return chosen or self._means_appview(did, service, choice)

    def names(self, header: str | None, choice: AppViewChoice = USUAL) -> list[str]:
        """Name the service of a call as the permission of an app may name it.

        First as the call does, then by what means the same to this member. Raises NoService.
        """
        usual = (self._routes.appview_did, "bsky_appview")
        did, service = usual if header is None else _parse(header)
        dids = [did]
        if header is None or self.names_us(header, choice):
            dids.append(self._routes.appview_did)
            if self._means_appview(BLUESKY, service, choice):
                dids.append(BLUESKY)
            if choice.kind == "named":
                dids.append(choice.did)
            if choice.kind == "local":
                dids.append(self._routes.own_did)
        return [f"{each}#{service}" for each in dict.fromkeys(dids)]

    def service_token(self, did: Did, audience: str, lxm: str | None, seconds: int = 60) -> str:
        """Vouch for a member: a token signed with the account's key."""
        return service_auth.mint(
            self._keys.get(did), did, audience, lxm, self._clock.now(), seconds
        )

    @asynccontextmanager
    async def place(self, target: Target, caller: Did | None) -> AsyncIterator[None]:
        """Take one of the places that a caller has for calls elsewhere. Raises UpstreamFailed."""
        if target.is_local:
            yield
            return
        self._elsewhere.check(target.address)
        async with self._elsewhere.place(caller):
            yield

    @asynccontextmanager
    async def send(
        self, target: Target, call: Call, caller: Did | None, rev: Tid | None
    ) -> AsyncIterator[Answer]:
        """Forward a call, vouching for `caller`; `rev` is the newest of the caller's repo.

        Raises UpstreamFailed, also while the answer is read.
        """
        headers = _request_headers(call)
        if caller is not None:
            headers |= self._vouched(target, call, caller, rev)
        async with self._elsewhere.tried(target.address) as trial:
            try:
                async with self._http.stream(
                    call.method,
                    target.address,
                    path=f"/xrpc/{call.nsid}",
                    params=call.params,
                    headers=headers,
                    body=call.body,
                ) as answer:
                    trial.answered()
                    if answer.status == 500 or answer.status < 200 or 300 <= answer.status < 400:
                        raise UpstreamFailed("Upstream service failed")
                    chunks = answer.content.iter_any()
                    yield Answer(answer.status, _response_headers(answer.headers), chunks)
            except OutboundRefused as refused:
                raise UpstreamFailed("Upstream service is not reachable from here") from refused
            except OutboundFailed as failed:
                # One that answers and breaks off costs nobody time; one that falls silent does.
                if not trial.is_over or isinstance(failed.__cause__, TimeoutError):
                    trial.failed()
                raise UpstreamFailed("Upstream service unreachable") from failed

    async def ask_inside(
        self, target: Target, call: Call, query: str, caller: Did | None, rev: Tid | None
    ) -> WholeAnswer:
        """Ask an AppView of this appliance, the short way; `query` as it came.

        Raises UpstreamFailed.
        """
        headers = _request_headers(call)
        if caller is not None:
            headers |= self._vouched(target, call, caller, rev)
        path = f"/xrpc/{call.nsid}?{query}" if query else f"/xrpc/{call.nsid}"
        try:
            status, found, body = await self._http.ask_role(target.address, path, headers)
        except OutboundFailed as failed:
            raise UpstreamFailed("Upstream service unreachable") from failed
        if PACE.is_full():
            await PACE.wait()
        if status == 500 or status < 200 or 300 <= status < 400:
            raise UpstreamFailed("Upstream service failed")
        return WholeAnswer(status, _response_headers(found), body)

    def _vouched(self, target: Target, call: Call, caller: Did, rev: Tid | None) -> dict[str, str]:
        """Write the headers that say who calls, and what of theirs has to be read before."""
        mint = self._inner.token if target.is_local else self.service_token
        token = mint(caller, *(call.vouch_for or (target.did, call.nsid)))
        headers = {"authorization": f"Bearer {token}"}
        if rev is not None and target.is_appview and target.is_local:
            headers["hearth-wait-for-rev"] = rev
        return headers

    def _means_appview(self, did: Did, service: str, choice: AppViewChoice) -> bool:
        """Whether a name is Bluesky's and means, for this member, just "the" AppView."""
        by_kind = {"server": self._routes.intercept, "any": False}
        means = did == BLUESKY and service in _APPVIEW_SERVICES
        return means and by_kind.get(choice.kind, True)

    async def _chosen(self, choice: AppViewChoice) -> Target:
        if choice.kind == "named":
            found = await self._lookup(str(choice), choice.did, choice.service)
            return replace(found, is_appview=True)
        if choice.kind == "local" and not self._routes.appview_is_local and self._routes.inside:
            return Target(self._routes.inside, self._routes.own_did, is_appview=True)
        return self._appview()

    def _appview(self) -> Target:
        if not self._routes.appview:
            raise NoService("No service configured")
        return Target(self._routes.appview, self._routes.appview_did, is_appview=True)

    async def _lookup(self, header: str, did: Did, service: str) -> Target:
        document = await self._document(header, did)
        address = document.service(f"#{service}")
        if address is None:
            raise NoService("could not resolve proxy did service url")
        return Target(self._routes.neighbours.get((address, service), address), did)

    async def _document(self, header: str, did: Did) -> DidDocument:
        """Look up a service; where nobody tells in time, what was known of it last serves on."""
        known = self._resolver.last_known(did)
        if known is not None and self._elsewhere.is_away(header):
            return known
        async with self._elsewhere.tried(header) as trial:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS):
                    document = await self._resolver.document(did)
            except TimeoutError as late:
                trial.failed()
                if known is not None:
                    return known
                raise UpstreamFailed("could not resolve proxy did in time") from late
            except LookupError as unknown:
                trial.answered()
                raise NoService("could not resolve proxy did") from unknown
            except OSError as failed:
                trial.failed()
                raise UpstreamFailed("could not resolve proxy did") from failed
            trial.answered()
            return document


def _parse(header: str) -> tuple[Did, str]:
    """Split `did#service`. Raises NoService."""
    name, _, service = header.partition("#")
    if not service or "#" in service or " " in header:
        raise NoService("atproto-proxy header is not of the form did#service")
    try:
        return Did(name), service
    except InvalidSyntax as bad:
        raise NoService("atproto-proxy header does not name a DID") from bad


def _request_headers(call: Call) -> dict[str, str]:
    names = _SENT_ON if call.body is None else (*_SENT_ON, *_CONTENT)
    headers = {name: call.headers[name] for name in names if name in call.headers}
    # Said aloud in any case: the answer goes to the caller as it comes.
    headers["accept-encoding"] = call.headers.get("accept-encoding", "identity")
    return headers


def _response_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in (*_CONTENT, *_SENT_BACK) if name in headers}
