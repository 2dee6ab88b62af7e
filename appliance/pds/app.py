"""The PDS as an aiohttp application: XRPC methods, well-known documents, handle hosts."""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlsplit

from aiohttp import web

from appliance.atproto.syntax import Handle, InvalidSyntax, Nsid
from appliance.atproto.xrpc.server import add_methods
from appliance.firehose.serve import close_on_shutdown
from appliance.pds.account_pages import front
from appliance.pds.account_pages.door import add_pages
from appliance.pds.metrics import metrics_of
from appliance.pds.oauth_pages.mount import add_authorization
from appliance.pds.role import Pds
from appliance.pds.web_identities import did_named
from appliance.pds.xrpc import (
    app_bsky_actor,
    com_atproto_admin_account,
    com_atproto_admin_subject,
    com_atproto_identity,
    com_atproto_lexicon,
    com_atproto_moderation,
    com_atproto_repo,
    com_atproto_server_account,
    com_atproto_server_email,
    com_atproto_server_invite,
    com_atproto_server_session,
    com_atproto_sync,
    com_atproto_temp,
    internal_hearth_backups,
    internal_hearth_pds,
    internal_hearth_pds_doctor,
    internal_hearth_pds_export,
    internal_hearth_pds_figures,
    internal_hearth_pds_house,
    internal_hearth_pds_invites,
    internal_hearth_pds_moderation,
    internal_hearth_pds_moves,
    internal_hearth_pds_network,
    internal_hearth_pds_settings,
    internal_hearth_pds_wards,
    internal_hearth_updates,
    internal_hearth_upkeep,
)
from appliance.pds.xrpc.acts import note_act
from appliance.pds.xrpc.apps import add_nonce
from appliance.pds.xrpc.fallback import forward
from appliance.pds.xrpc.mirror import add_mirror
from appliance.settings import Settings
from appliance.upkeep import metrics
from appliance.upkeep.lodging.routes import add_lodging

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_TABLES = (
    app_bsky_actor.methods,
    com_atproto_admin_account.methods,
    com_atproto_admin_subject.methods,
    com_atproto_identity.methods,
    com_atproto_lexicon.methods,
    com_atproto_moderation.methods,
    com_atproto_repo.methods,
    com_atproto_server_account.methods,
    com_atproto_server_email.methods,
    com_atproto_server_invite.methods,
    com_atproto_server_session.methods,
    com_atproto_sync.methods,
    com_atproto_temp.methods,
    internal_hearth_backups.methods,
    internal_hearth_pds.methods,
    internal_hearth_pds_doctor.methods,
    internal_hearth_pds_export.methods,
    internal_hearth_pds_figures.methods,
    internal_hearth_pds_house.methods,
    internal_hearth_pds_invites.methods,
    internal_hearth_pds_moderation.methods,
    internal_hearth_pds_network.methods,
    internal_hearth_pds_moves.methods,
    internal_hearth_pds_settings.methods,
    internal_hearth_pds_wards.methods,
    internal_hearth_updates.methods,
    internal_hearth_upkeep.methods,
)
_HANDLE_DOCUMENT = "/.well-known/atproto-did"
_DID_DOCUMENT = "/.well-known/did.json"
_TLS_CHECK = "/tls-check"
_ROBOTS = "# Everything here may be read; please go easy.\nUser-agent: *\nAllow: /\n"


def build_app(role: Pds, settings: Settings) -> web.Application:
    """Mount the methods and the pages that stand beside them."""
    pages = _Pages(role)
    app = web.Application(middlewares=[pages.keep_handle_hosts_apart], client_max_size=2**20)

    async def fallback(request: web.Request, nsid: str) -> web.StreamResponse:
        return await forward(role, request, Nsid.unchecked(nsid))

    add_methods(
        app,
        role,
        _TABLES,
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
        fallback=fallback,
        limits=role.limits,
        after=note_act(role),
    )
    told = metrics.of_report(
        partial(internal_hearth_upkeep.status, role), partial(metrics_of, role)
    )
    app.router.add_get(metrics.PATH, metrics.endpoint(role, told))
    close_on_shutdown(app, role.event_log)
    app.on_response_prepare.append(add_nonce)
    door = add_pages(app, role)
    add_authorization(app, role, door)
    add_lodging(app, settings.paths.data)
    add_mirror(app, role.doctor.reach.mirror, settings.network.trusted_proxies)
    pages.front_page = door.serve(front.show, "nothing")
    app.router.add_get("/", pages.front)
    app.router.add_get("/robots.txt", pages.robots)
    app.router.add_get(_HANDLE_DOCUMENT, pages.handle_document)
    app.router.add_get(_DID_DOCUMENT, pages.did_document)
    app.router.add_get(_TLS_CHECK, pages.tls_check)
    return app


class _Pages:
    """What is served beside XRPC."""

    def __init__(self, pds: Pds) -> None:
        self._pds = pds
        self._own_host = urlsplit(pds.site.url).netloc.lower()
        self.front_page: Handler | None = None

    @web.middleware
    async def keep_handle_hosts_apart(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Let a handle's host say whose it is and nothing else: it is no PDS of its own."""
        host = _host(request)
        is_handle = host.endswith(self._pds.site.handle_domains)
        asks_who = request.path in (_HANDLE_DOCUMENT, _DID_DOCUMENT)
        if is_handle and host != self._pds.site.hostname and not asks_who:
            raise web.HTTPNotFound(text="Not found\n")
        return await handler(request)

    async def front(self, request: web.Request) -> web.StreamResponse:
        """Show browsers the front page, under its own address; tell tools what this is."""
        if self.front_page is not None and "text/html" in request.headers.get("Accept", ""):
            if request.host.lower() != self._own_host:
                raise web.HTTPFound(f"{self._pds.site.url}/")
            return await self.front_page(request)
        name = self._pds.settings.network.name
        return web.Response(
            text=f"{name}\n\nThis is an AT Protocol personal data server, run by Hearth.\n"
            "Its methods are under /xrpc/; sign in with any AT Protocol app.\n"
            "Members look after their accounts at /account.\n"
        )

    async def tls_check(self, request: web.Request) -> web.Response:
        """Say whether a certificate may be got for a name: one of ours, or a member's handle."""
        name = request.query.get("domain", "").lower()
        if name in self._pds.settings.public_names:
            return web.Response(text="ours\n")
        try:
            handle = Handle(name)
        except InvalidSyntax:
            raise web.HTTPBadRequest(text="Not a host name\n") from None
        known = self._pds.accounts.find(handle) or self._pds.web_identities.is_served(handle)
        if not known or not name.endswith(self._pds.site.handle_domains):
            raise web.HTTPNotFound(text="Nobody here has this handle\n")
        return web.Response(text="a member's\n")

    async def robots(self, _request: web.Request) -> web.Response:
        return web.Response(text=_ROBOTS)

    async def handle_document(self, request: web.Request) -> web.Response:
        """Tell the DID of the handle that the host name is."""
        try:
            found = self._pds.web_identities.did_of(Handle(_host(request)))
        except InvalidSyntax:
            found = None
        if found is None:
            raise web.HTTPNotFound(text="User not found")
        return web.Response(text=found)

    async def did_document(self, request: web.Request) -> web.Response:
        """Tell the DID document of this service, or of the member whose did:web the host names."""
        site, host = self._pds.site, _host(request)
        if host != site.hostname and host.endswith(site.handle_domains):
            try:
                found = self._pds.resolver.own(did_named(host))
            except InvalidSyntax:
                found = None
            if found is None:
                raise web.HTTPNotFound(text="User not found")
            return web.json_response(found)
        return web.json_response(
            {
                "@context": ["https://www.w3.org/ns/did/v1"],
                "id": site.did,
                "service": [
                    {
                        "id": "#atproto_pds",
                        "type": "AtprotoPersonalDataServer",
                        "serviceEndpoint": site.url,
                    }
                ],
            }
        )


def _host(request: web.Request) -> str:
    """The host asked for, in lower case, without a port and the dot that ends a whole name."""
    host = request.host.lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.removesuffix(".")
