"""Which page of a member is where, who may see it, and what its answers carry."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from aiohttp import web

from appliance.base.browsers import (
    FOR_EVER,
    FORM_TYPE,
    HEADERS,
    POLICY,
    comes_from_here,
    is_form_token,
    new_token,
)
from appliance.base.database import WriteFailed
from appliance.base.look import look_files
from appliance.base.pages import Pages
from appliance.base.room import NoRoom
from appliance.base.strings import Strings
from appliance.base.throttle import Throttle, TooManyTries
from appliance.pds.account_pages import (
    apps,
    appview,
    entrance,
    front,
    handle,
    home,
    invites,
    join,
    leaving,
    own_data,
    profile,
    recovery,
    second_steps,
    secrets,
    sign_up,
    wards,
)
from appliance.pds.account_pages.front import PEOPLE
from appliance.pds.account_pages.visit import FORM_COOKIE, HOME, Desk, Visit
from appliance.pds.factors.sign_in import SignIn
from appliance.pds.role import Pds

Page: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]
Table: TypeAlias = Mapping[tuple[str, str], Page]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATIC_PATH: Final = "/static"
MOST_TRIES_TOGETHER: Final = 600

ANYBODY: Final[Table] = {
    ("GET", "/sign-in"): entrance.show_sign_in,
    ("POST", "/sign-in"): entrance.sign_in,
    ("POST", "/second-step"): entrance.second_step,
    ("POST", "/passkey"): entrance.passkey,
    ("GET", "/sign-up"): sign_up.show,
    ("POST", "/sign-up"): sign_up.join,
    ("GET", "/forgotten"): entrance.show_forgotten,
    ("POST", "/forgotten"): entrance.send_reset,
    ("POST", "/forgotten/new"): entrance.reset,
}
MEMBERS: Final[Table] = {
    ("GET", ""): home.show,
    ("GET", "/welcome"): join.welcome,
    ("GET", "/invites"): invites.show,
    ("POST", "/invites"): invites.create,
    ("POST", "/invites/close"): invites.close,
    ("POST", "/sign-out"): entrance.sign_out,
    ("POST", "/switch"): entrance.switch,
    ("GET", "/prove"): entrance.show_prove,
    ("GET", "/profile"): profile.show,
    ("POST", "/profile"): profile.save,
    ("GET", "/handle"): handle.show,
    ("POST", "/handle"): handle.change,
    ("POST", "/handle/domain"): handle.check_domain,
    ("GET", "/email"): secrets.show_email,
    ("POST", "/email/send"): secrets.send_confirmation,
    ("POST", "/email/confirm"): secrets.confirm_email,
    ("GET", "/appview"): appview.show,
    ("POST", "/appview"): appview.choose,
    ("GET", "/apps"): apps.show,
    ("POST", "/apps/new"): apps.create,
    ("POST", "/apps/revoke"): apps.revoke,
    ("POST", "/apps/end"): apps.end_app,
    ("POST", "/apps/grant"): apps.end_grant,
    ("POST", "/apps/device"): apps.end_device,
    ("GET", "/wards"): wards.show,
    ("POST", "/wards/take-over"): wards.take_over,
    ("GET", "/wards/{did}"): wards.show_one,
    ("POST", "/wards/{did}"): wards.save,
    ("POST", "/wards/{did}/hand-over"): wards.hand_over,
}
# Only for who proved a few minutes ago who they are.
FRESH: Final[Table] = {
    ("POST", "/email"): secrets.change_email,
    ("GET", "/password"): secrets.show_password,
    ("POST", "/password"): secrets.change_password,
    ("GET", "/second-steps"): second_steps.show,
    ("POST", "/second-steps/app"): second_steps.confirm_app,
    ("POST", "/second-steps/app/remove"): second_steps.remove_app,
    ("POST", "/second-steps/mail/send"): second_steps.send_mail,
    ("POST", "/second-steps/mail"): second_steps.confirm_mail,
    ("POST", "/second-steps/mail/remove"): second_steps.remove_mail,
    ("POST", "/second-steps/passkey"): second_steps.add_passkey,
    ("POST", "/second-steps/passkey/ask"): second_steps.ask_passkey,
    ("POST", "/second-steps/passkey/remove"): second_steps.remove_passkey,
    ("POST", "/second-steps/codes"): second_steps.new_codes,
    ("GET", "/recovery"): recovery.show,
    ("POST", "/recovery"): recovery.keep,
    ("GET", "/data"): own_data.show,
    ("POST", "/data"): own_data.download,
    ("GET", "/leave"): leaving.show,
    ("POST", "/leave/deactivate"): leaving.deactivate,
    ("POST", "/leave/activate"): leaving.activate,
    ("POST", "/leave/delete"): leaving.delete,
    ("GET", "/move"): leaving.show_move,
    ("POST", "/move"): leaving.begin_move,
    ("POST", "/move/token"): leaving.move_token,
    ("POST", "/move/code"): leaving.move_code,
    ("POST", "/move/point"): leaving.point,
    ("POST", "/move/home"): leaving.point_home,
    ("POST", "/move/stop"): leaving.stop_move,
}
# What stays open to a member whom the operator has taken down: to look, and to leave.
_LEFT_OPEN: Final = frozenset(
    HOME + path
    for path in (
        *("", "/sign-out", "/switch", "/prove", "/data", "/leave", "/leave/delete"),
        *("/move", "/move/token", "/move/code", "/move/stop", "/move/point", "/move/home"),
    )
)
_PAGE_OF_STATUS: Final = {403: "stale", 404: "missing", 405: "verb", 413: "large", 415: "form"}


def add_pages(app: web.Application, pds: Pds) -> "Door":
    """Mount the members' pages and the files they are shown with."""
    door = Door(make_desk(pds))
    for table, needs in ((ANYBODY, "nothing"), (MEMBERS, "account"), (FRESH, "proof")):
        for (verb, path), page in table.items():
            app.router.add_route(verb, HOME + path, door.serve(page, needs))
    app.router.add_get(PEOPLE + "{handle}", door.serve(front.show_person, "nothing"))
    app.router.add_get(PEOPLE + "{handle}/{rkey}", door.serve(front.show_note, "nothing"))
    app.router.add_get("/join/{code}", door.serve(join.show, "nothing"))
    app.router.add_post("/join/{code}", door.serve(join.accept, "nothing"))
    app.router.add_get(STATIC_PATH + "/{name}", door.static_file)
    app.router.add_route("*", HOME + "/{rest:.*}", door.serve(_missing, "nothing"))
    return door


def make_desk(pds: Pds) -> Desk:
    """Make what every page needs."""
    look, chosen = pds.settings.look, pds.settings.pds
    pages = Pages(STATIC_PATH, added=look_files(look.primary_color))
    contact = f"mailto:{chosen.contact_email}" if chosen.contact_email else ""
    links = {
        "home": look.home_url,
        "support": look.support_url or contact,
        "privacy": chosen.privacy_policy_url,
        "terms": chosen.terms_of_service_url,
    }
    frame = {
        "network": pds.settings.network.name,
        "home_path": HOME,
        "nav": (),
        "sign_out_path": f"{HOME}/sign-out",
        "logo_url": look.logo_url,
        "look": pages.has_static("look.css"),
        "links": [(name, url) for name, url in links.items() if url],
    }
    throttle = Throttle(pds.clock.now, MOST_TRIES_TOGETHER)
    sign_in = SignIn(pds.credentials, pds.factors, pds.passkeys, pds.clock)
    return Desk(pds, pages, Strings.load(), throttle, sign_in, frame, headers_for(look.logo_url))


def headers_for(logo_url: str) -> dict[str, str]:
    """The headers of every page; the owner's logo is the one thing from elsewhere."""
    logo = urlsplit(logo_url)
    policy = POLICY
    if logo.netloc:
        policy = policy.replace("img-src 'self'", f"img-src 'self' {logo.scheme}://{logo.netloc}")
    return {**HEADERS, "Content-Security-Policy": policy}


class Door:
    """Between the application and the pages: host, session, form, errors."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._headers = desk.headers
        self._origin = desk.pds.site.url.lower()
        self._host = urlsplit(self._origin).netloc

    def serve(self, page: Page, needs: str) -> Handler:
        """Make a request handler of a page."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = await self._answer(request, page, needs)
            if not response.prepared:
                for name, value in self._headers.items():
                    response.headers.setdefault(name, value)
            return response

        return answer

    async def static_file(self, request: web.Request) -> web.Response:
        found = self._desk.pages.static_files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {**self._headers, "Content-Type": found.content_type, "Cache-Control": FOR_EVER}
        return web.Response(body=found.body, headers=headers)

    async def _answer(self, request: web.Request, page: Page, needs: str) -> web.StreamResponse:
        if request.host.lower() != self._host:
            return web.Response(status=421, text=self._desk.strings("account.host"))
        visit = Visit.of(request, self._desk)
        if request.method not in ("GET", "HEAD") and not self._is_own(request):
            return self._refuse(visit, 403, "foreign")
        if not visit.form_key and request.method == "GET":
            visit.set_cookie(FORM_COOKIE, new_token())
        try:
            if request.method == "POST":
                await _read_form(visit)
            return await self._admit(visit, page, needs)
        except TooManyTries as stop:
            return visit.page("refusal", status=429, kind="tries", wait=stop.wait)
        except (NoRoom, WriteFailed):
            return self._refuse(visit, 503, "full")
        except web.HTTPException as error:
            kind = _PAGE_OF_STATUS.get(error.status)
            if kind is None:
                raise
            return self._refuse(visit, error.status, kind)

    def _is_own(self, request: web.Request) -> bool:
        """Whether a form was sent from a page of ours, and by the way they go out."""
        origin = request.headers.get("Origin", self._origin)
        return comes_from_here(request) and origin.lower() == self._origin

    async def _admit(self, visit: Visit, page: Page, needs: str) -> web.StreamResponse:
        request = visit.request
        wanted = request.path_qs if request.method == "GET" else HOME
        if needs != "nothing" and visit.at is None:
            return visit.go(f"{HOME}/sign-in?next={quote(wanted, safe='')}")
        if needs == "proof" and not visit.is_fresh:
            return visit.go(f"{HOME}/prove?next={quote(wanted, safe='')}")
        if needs != "nothing" and visit.account.takedown_ref and request.path not in _LEFT_OPEN:
            return self._refuse(visit, 403, "takendown")
        if visit.at is not None:
            await self._desk.pds.devices.note_seen(visit.at)
        return await page(visit)

    def _refuse(self, visit: Visit, status: int, kind: str) -> web.Response:
        return visit.page("refusal", status=status, kind=kind)


async def _missing(visit: Visit) -> web.StreamResponse:
    visit.not_found()


async def _read_form(visit: Visit) -> None:
    """Read a form of ours; raises what becomes a page for any other."""
    if visit.request.content_type != FORM_TYPE:
        raise web.HTTPUnsupportedMediaType
    try:
        given: Mapping[str, Any] = await visit.request.post()
    except (LookupError, ValueError) as error:  # in a strange alphabet, or damaged
        raise web.HTTPUnsupportedMediaType from error
    visit.form = {name: text for name, text in given.items() if isinstance(text, str)}
    if not is_form_token(visit.form.get("form_token", ""), visit.form_key):
        raise web.HTTPForbidden
