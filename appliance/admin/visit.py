"""One request to the panel, as pages see it: who asks, what was filled in, how to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from aiohttp import web

from appliance.admin.panel import Panel
from appliance.admin.session import LIFETIME_SECONDS
from appliance.atproto.xrpc.limits import client_address
from appliance.base.browsers import form_token, is_https
from appliance.base.times import When
from appliance.settings import Settings

MOST_FIELD_LENGTH: Final = 2000
SESSION_COOKIE: Final = "hearth_panel"
FORM_COOKIE: Final = "hearth_form"
NAVIGATION: Final = (
    ("home", "/"),
    ("people", "/people"),
    ("invites", "/invites"),
    ("reports", "/reports"),
    ("more", "/more"),
)


@dataclass
class Visit:
    """A request, the panel it came to, and the cookies of the browser.

    One cookie holds the session. The other only ties forms to the browser of somebody who has
    none: a link from another site comes without cookies, and must not cost the owner the session.
    """

    request: web.Request
    panel: Panel
    settings: Settings
    session: str
    form_cookie: str
    is_owner: bool
    form: Mapping[str, str] = field(default_factory=dict)
    new_cookies: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Who is asking, for counting tries."""
        return client_address(self.request, self.settings.network.trusted_proxies) or "local"

    def text(self, name: str) -> str:
        """What was filled into a field, without blanks around it."""
        return self.form.get(name, "").strip()[:MOST_FIELD_LENGTH]

    def long_text(self, name: str) -> str:
        """What was written into a large field, lines and all."""
        return self.form.get(name, "").replace("\r\n", "\n").strip()

    def secret(self, name: str) -> str:
        """What was filled into a field, to the letter."""
        return self.form.get(name, "")

    def query(self, name: str) -> str:
        """What the address of the page says."""
        return self.request.query.get(name, "").strip()[:MOST_FIELD_LENGTH]

    def place(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    def words(self, name: str, /, **values: Any) -> str:
        """A text of the catalogue."""
        return self.panel.strings(name, **values)

    def page(self, template: str, /, *, status: int = 200, **context: Any) -> web.Response:
        """Answer with a page."""
        html = self.panel.pages.render(f"admin/{template}.html", **self._context(), **context)
        return self._finish(web.Response(text=html, content_type="text/html", status=status))

    def go(self, path: str) -> web.Response:
        """Answer by sending the browser to another page of ours."""
        return self._finish(web.Response(status=303, headers={"Location": path}))

    def go_anew(self, path: str) -> web.Response:
        """Put changed settings into force, and send the browser on to who starts then.

        Without a way to start anew, the change holds from the next start by hand.
        """
        response = self.go(path)
        if self.panel.anew.ask():
            response.force_close()
        return response

    def not_found(self) -> NoReturn:
        """Answer that there is no such page or person."""
        raise web.HTTPNotFound

    @property
    def today(self) -> str:
        """The date, for what is printed."""
        return self.panel.clock.iso()[:10]

    @property
    def form_key(self) -> str:
        """What the forms of this browser are tied to."""
        return self.session if self.is_owner else self.form_cookie

    def become_owner(self, session: str) -> None:
        """Give the browser a session with the answer."""
        self.new_cookies[SESSION_COOKIE] = session

    def leave(self) -> None:
        """Take the session from the browser."""
        self.new_cookies[SESSION_COOKIE] = ""

    def tie_forms(self, token: str) -> None:
        """Give a browser without a session something to tie its forms to."""
        self.form_cookie = self.new_cookies[FORM_COOKIE] = token

    def _context(self) -> dict[str, Any]:
        return {
            "t": self.panel.strings,
            "network": self.panel.desk.name,
            "home_path": "/",
            "nav": NAVIGATION if self._may_wander else (),
            "nav_at": _place_of(self.request.path),
            "sign_out_path": "/sign-out",
            "logo_url": "",
            "look": self.panel.pages.has_static("look.css"),
            "links": (),
            "form_token": form_token(self.form_key) if self.form_key else "",
            "signed_in": self.is_owner,
            "here": self.request.path,
            "when": When(self.panel.strings, self.panel.clock.now),
        }

    @property
    def _may_wander(self) -> bool:
        """Whether there are other pages to go to: not before there is a network."""
        is_set_up = bool(self.settings.pds.hostname)
        return self.is_owner and is_set_up and self.request.path != "/claim"

    def _finish(self, response: web.Response) -> web.Response:
        secure = is_https(self.request, self.settings.network.trusted_proxies)
        for kind, value in self.new_cookies.items():
            response.set_cookie(
                cookie_name(kind, self.settings, secure=secure),
                value,
                max_age=LIFETIME_SECONDS if value else 0,
                httponly=True,
                samesite="Strict",
                secure=secure,
            )
        return response


def _place_of(path: str) -> str:
    """Under which place of the navigation a page is; what has none is under "more"."""
    found = [place for _, place in NAVIGATION if place != "/" and path.startswith(place)]
    return "/" if path == "/" else (found or ["/more"])[0]


def cookie_name(kind: str, settings: Settings, *, secure: bool) -> str:
    """Name a cookie: bound to this host by the browser under TLS, told apart by port without."""
    return f"__Host-{kind}" if secure else f"{kind}_{settings.admin.port}"
