"""The panel's application: which page is where, and who may see it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from aiohttp import web

from appliance.admin.guard import HostRule, NearRule
from appliance.admin.pages import (
    backup,
    checkup,
    entrance,
    feeds,
    guardian,
    home,
    hosts,
    invites,
    labels,
    logs,
    mail,
    neighbours,
    network,
    people,
    person,
    publish,
    reports,
    rules,
    settings,
    setup,
    setup_backup,
    setup_reach,
    storage,
    updates,
)
from appliance.admin.panel import STATIC_PATH, Panel
from appliance.admin.visit import FORM_COOKIE, SESSION_COOKIE, Visit, cookie_name
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.browsers import (
    FOR_EVER,
    FORM_TYPE,
    HEADERS,
    comes_from_here,
    is_form_token,
    is_https,
    new_token,
)
from appliance.settings import Settings
from appliance.upkeep.metrics import CONTENT_TYPE
from appliance.upkeep.metrics import PATH as METRICS

Page: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANYBODY: Final[Mapping[tuple[str, str], Page]] = {
    ("GET", "/claim"): entrance.show_claim,
    ("POST", "/claim"): entrance.claim,
    ("GET", "/sign-in"): entrance.show_sign_in,
    ("POST", "/sign-in"): entrance.sign_in,
}
OWNER_ONLY: Final[Mapping[tuple[str, str], Page]] = {
    ("POST", "/sign-out"): entrance.sign_out,
    ("GET", "/password"): entrance.show_password,
    ("POST", "/password"): entrance.change_password,
    ("GET", "/"): home.show,
    ("GET", "/live"): home.live,
    ("GET", "/setup/name"): setup.show_name,
    ("POST", "/setup/name"): setup.save_name,
    ("GET", "/setup/reach"): setup_reach.show,
    ("POST", "/setup/reach"): setup_reach.save,
    ("GET", "/setup/reach/seen"): setup_reach.seen,
    ("POST", "/setup/reach/seen"): setup_reach.look_again,
    ("POST", "/setup/reach/again"): setup_reach.again,
    ("GET", "/setup/people"): setup.show_people,
    ("POST", "/setup/people"): setup.add_person,
    ("GET", "/setup/backup"): setup_backup.show,
    ("POST", "/setup/backup"): setup_backup.save,
    ("GET", "/setup/sheet"): setup.show_sheet,
    ("POST", "/setup/sheet"): setup.make_sheet,
    ("GET", "/setup/done"): setup.show_done,
    ("POST", "/setup/done"): setup.finish,
    ("GET", "/people"): people.show,
    ("GET", "/people/new"): people.show_new,
    ("POST", "/people/new"): people.create,
    ("GET", "/people/{did}"): person.show,
    ("GET", "/people/{did}/export"): person.export,
    ("GET", "/people/{did}/kept"): people.show_kept,
    ("POST", "/people/{did}/kept"): people.free_name,
    ("POST", "/people/{did}/password"): person.reset_password,
    ("POST", "/people/{did}/second-steps"): person.remove_second_steps,
    ("POST", "/people/{did}/takedown"): person.take_down,
    ("POST", "/people/{did}/restore"): person.restore,
    ("POST", "/people/{did}/delete"): person.delete,
    ("GET", "/people/{did}/guardian"): guardian.show,
    ("POST", "/people/{did}/guardian"): guardian.save,
    ("POST", "/people/{did}/guardian/hand-over"): guardian.hand_over,
    ("GET", "/invites"): invites.show,
    ("POST", "/invites"): invites.create,
    ("POST", "/invites/disable"): invites.disable,
    ("GET", "/mail"): mail.show,
    ("GET", "/reports"): reports.show,
    ("POST", "/reports"): reports.act,
    ("GET", "/more"): rules.show_more,
    ("GET", "/rules"): rules.show,
    ("POST", "/rules"): rules.save,
    ("GET", "/log"): logs.show_acts,
    ("GET", "/logs"): logs.show_lines,
    ("GET", "/logs/bundle"): logs.bundle,
    ("GET", "/logs/bundle/{name}"): logs.bundled,
    ("GET", "/feeds"): feeds.show,
    ("POST", "/feeds"): feeds.save,
    ("POST", "/feeds/remove"): feeds.remove,
    ("POST", "/feeds/usual"): feeds.save_usual,
    ("GET", "/labels"): labels.show,
    ("POST", "/labels"): labels.put,
    ("POST", "/labels/negate"): labels.negate,
    ("POST", "/labels/define"): labels.define,
    ("POST", "/labels/forget"): labels.forget,
    ("GET", "/storage"): storage.show,
    ("GET", "/settings"): settings.show,
    ("POST", "/settings/{group}"): settings.save,
    ("GET", "/checkup"): checkup.show,
    ("POST", "/checkup"): checkup.look,
    ("POST", "/checkup/again"): checkup.again,
    ("POST", "/checkup/mend"): checkup.mend,
    ("GET", "/backup"): backup.show,
    ("POST", "/backup"): backup.ask,
    ("POST", "/backup/key"): backup.show_key,
    ("GET", "/updates"): updates.show,
    ("POST", "/updates"): updates.ask,
    ("POST", "/updates/hold"): updates.hold,
    ("GET", "/network"): network.show,
    ("POST", "/network/look"): network.look,
    ("GET", "/network/bans"): network.show_bans,
    ("POST", "/network/bans"): network.ban,
    ("POST", "/network/bans/lift"): network.unban,
    ("GET", "/network/quarantine"): network.show_quarantine,
    ("POST", "/network/quarantine/again"): network.judge_again,
    ("POST", "/network/quarantine/discard"): network.discard,
    ("GET", "/neighbours"): neighbours.show,
    ("GET", "/neighbours/live"): neighbours.live,
    ("POST", "/neighbours/pair"): neighbours.pair,
    ("POST", "/neighbours/confirm"): neighbours.confirm,
    ("POST", "/neighbours/refuse"): neighbours.refuse,
    ("POST", "/neighbours/unpair"): neighbours.unpair,
    ("GET", "/publish"): publish.show,
    ("GET", "/publish/live"): publish.live,
    ("POST", "/publish"): publish.publish,
    ("GET", "/hosts"): hosts.show,
    ("POST", "/hosts/approve"): hosts.approve,
    ("POST", "/hosts/ban"): hosts.ban,
    ("POST", "/hosts/lift"): hosts.lift,
}
# All that there is before the network has a name: only the wizard answers.
BEFORE_THE_NETWORK: Final = frozenset(
    {"/setup/name", "/setup/reach", "/setup/reach/seen", "/sign-out"}
)
MOST_FORM_BYTES: Final = 64 * 1024
STATIC: Final = "static"
# After these a browser asks once more: by then what starts anew listens, if it does not answer yet.
SECONDS_TO_START: Final = 1


def build_app(panel: Panel, settings: Settings) -> web.Application:
    """Make the application of the panel."""
    desk = _Reception(panel, settings)
    app = web.Application(client_max_size=MOST_FORM_BYTES, middlewares=[desk.admit])
    app.on_response_prepare.append(_harden)
    for (verb, path), page in ANYBODY.items():
        app.router.add_route(verb, path, desk.serve(page, owner_only=False))
    for (verb, path), page in OWNER_ONLY.items():
        app.router.add_route(verb, path, desk.serve(page, owner_only=True))
    app.router.add_get(METRICS, desk.metrics)
    app.router.add_get(STATIC_PATH + "/{name}", desk.static_file, name=STATIC)
    return app


class _Reception:
    """Between the application and the pages: hosts, sessions, forms, errors."""

    def __init__(self, panel: Panel, settings: Settings) -> None:
        self._panel = panel
        self._settings = settings
        self._hosts = HostRule(settings)
        self._near = NearRule(settings)

    def serve(self, page: Page, *, owner_only: bool) -> Handler:
        """Make a request handler of a page."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visit = self._visit(request)
            if request.method == "POST":
                await self._read_form(visit)
            if owner_only and not visit.is_owner:
                return self._to_the_door(visit)
            is_early = owner_only and not self._settings.pds.hostname
            if is_early and request.path not in BEFORE_THE_NETWORK:
                return visit.go("/setup/name")
            return await page(visit)

        return handle

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell a program that watches what all roles count, if it holds the operator's token."""
        told = await self._panel.roles.metrics(request.headers.get("Authorization", ""))
        if told is None:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return web.Response(body=told.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def static_file(self, request: web.Request) -> web.Response:
        found = self._panel.pages.static_files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"Content-Type": found.content_type, "Cache-Control": FOR_EVER}
        return web.Response(body=found.body, headers=headers)

    async def admit_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, or say on a page why not."""
        if not self._near.allows(request):
            port = self._settings.admin.port
            return web.Response(status=403, text=self._panel.strings("errors.far", port=port))
        if not self._hosts.allows(request.headers.get("Host", "")):
            return web.Response(status=421, text=self._panel.strings("errors.host"))
        if request.method not in ("GET", "HEAD") and not comes_from_here(request):
            return self._refuse(request, 403, "foreign")
        if self._panel.anew.is_asked and request.match_info.route.name != STATIC:
            return self._starting(request)
        try:
            return await handler(request)
        except web.HTTPException as error:
            kind = _PAGE_OF_STATUS.get(error.status)
            if kind is None:
                raise
            return self._refuse(request, error.status, kind)
        except XrpcError as error:
            return self._refuse(request, 502, "role", detail=error.message or error.name)

    @property
    def admit(self) -> Any:
        """The middleware of the application."""

        @web.middleware
        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self.admit_request(request, handler)

        return admit

    def _visit(self, request: web.Request) -> Visit:
        secure = is_https(request, self._settings.network.trusted_proxies)
        session, form_cookie = (
            request.cookies.get(cookie_name(kind, self._settings, secure=secure), "")
            for kind in (SESSION_COOKIE, FORM_COOKIE)
        )
        is_owner = bool(session) and self._panel.sessions.is_live(session)
        visit = Visit(request, self._panel, self._settings, session, form_cookie, is_owner)
        if not visit.form_key and request.method == "GET":
            visit.tie_forms(new_token())
        return visit

    async def _read_form(self, visit: Visit) -> None:
        """Read a form of ours; raises what becomes a page for any other."""
        if visit.request.content_type != FORM_TYPE:
            raise web.HTTPUnsupportedMediaType
        try:
            given = await visit.request.post()
        except (LookupError, ValueError) as error:  # in a strange alphabet, or damaged
            raise web.HTTPUnsupportedMediaType from error
        visit.form = {name: text for name, text in given.items() if isinstance(text, str)}
        if not is_form_token(visit.form.get("form_token", ""), visit.form_key):
            raise web.HTTPForbidden

    def _to_the_door(self, visit: Visit) -> web.Response:
        if not self._panel.owner.owner.is_claimed:
            return visit.go("/claim")
        if visit.request.path == "/live":
            raise web.HTTPForbidden
        wanted = visit.request.path_qs if visit.request.method == "GET" else "/"
        return visit.go("/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}")

    def _starting(self, request: web.Request) -> web.Response:
        """Have the browser come again: whoever answers now is about to end."""
        wanted = request.path_qs if request.method == "GET" else "/"
        response = self._visit(request).page("starting", status=503)
        response.headers["Refresh"] = f"{SECONDS_TO_START}; url={wanted}"
        response.headers["Retry-After"] = str(SECONDS_TO_START)
        response.force_close()
        return response

    def _refuse(
        self, request: web.Request, status: int, kind: str, detail: str = ""
    ) -> web.Response:
        return self._visit(request).page("refusal", status=status, kind=kind, detail=detail)


_PAGE_OF_STATUS: Final = {403: "stale", 404: "missing", 405: "verb", 413: "large", 415: "form"}


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
