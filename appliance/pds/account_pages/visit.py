"""One request to a member's page: who asks, what was filled in, how to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from aiohttp import web

from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.limits import client_address
from appliance.base.browsers import form_token
from appliance.base.pages import Pages
from appliance.base.strings import Strings
from appliance.base.throttle import Throttle
from appliance.base.times import When
from appliance.pds.account_pages.agents import named
from appliance.pds.accounts import Account
from appliance.pds.devices import KEPT_US, DeviceAccount, device_of, shown_agent
from appliance.pds.email_tokens import Purpose
from appliance.pds.factors.sign_in import SignIn
from appliance.pds.letters import Letter, browser_signed_in
from appliance.pds.role import Pds

HOME: Final = "/account"
MOST_FIELD_LENGTH: Final = 3000
SESSION_COOKIE: Final = "device"
FORM_COOKIE: Final = "form"
CHOICE_COOKIE: Final = "account"
ASKING_COOKIE: Final = "asking"
_KEPT_SECONDS: Final = KEPT_US // 1_000_000


@dataclass(frozen=True)
class Desk:
    """What every page needs, made once."""

    pds: Pds
    pages: Pages
    strings: Strings
    throttle: Throttle
    sign_in: SignIn
    frame: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def is_secure(self) -> bool:
        return self.pds.site.url.startswith("https:")

    def cookie_name(self, kind: str) -> str:
        """Name a cookie: bound to this host under TLS, told apart by port without."""
        port = urlsplit(self.pds.site.url).port
        return f"__Host-{kind}" if self.is_secure else f"{kind}_{port or 80}"


@dataclass
class Visit:
    """A request, and the accounts that are signed in in the browser it came from."""

    request: web.Request
    desk: Desk
    cookies: dict[str, str] = field(repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    new_cookies: dict[str, str] = field(default_factory=dict, repr=False)
    signed_in: list[DeviceAccount] = field(default_factory=list)
    at: DeviceAccount | None = None
    found: Account | None = field(default=None, repr=False)

    @classmethod
    def of(cls, request: web.Request, desk: Desk) -> "Visit":
        """Read the cookies, and look up who is signed in."""
        kinds = (SESSION_COOKIE, FORM_COOKIE, CHOICE_COOKIE, ASKING_COOKIE)
        cookies = {kind: request.cookies.get(desk.cookie_name(kind), "") for kind in kinds}
        visit = cls(request, desk, cookies)
        visit.signed_in = desk.pds.devices.signed_in(cookies[SESSION_COOKIE])
        chosen = [one for one in visit.signed_in if one.did == cookies[CHOICE_COOKIE]]
        for one in [*chosen, *visit.signed_in]:
            account = desk.pds.accounts.find(one.did)
            if account is not None:
                visit.at, visit.found = one, account
                break
        return visit

    @property
    def pds(self) -> Pds:
        return self.desk.pds

    @property
    def account(self) -> Account:
        """Whose page this is; only for pages of members."""
        if self.found is None:
            raise web.HTTPForbidden
        return self.found

    @property
    def did(self) -> Did:
        return self.account.did

    @property
    def is_fresh(self) -> bool:
        return self.at is not None and self.pds.devices.is_fresh(self.at)

    @property
    def address(self) -> str:
        """Who is asking, for counting tries."""
        return client_address(self.request, self.pds.settings.network.trusted_proxies) or "local"

    @property
    def form_key(self) -> str:
        """What the forms of this browser are tied to."""
        return self.cookies[SESSION_COOKIE] if self.signed_in else self.cookies[FORM_COOKIE]

    def text(self, name: str) -> str:
        """What was filled into a field, without blanks around it."""
        return self.form.get(name, "").strip()[:MOST_FIELD_LENGTH]

    def secret(self, name: str) -> str:
        """What was filled into a field, to the letter."""
        return self.form.get(name, "")

    def query(self, name: str) -> str:
        return self.request.query.get(name, "").strip()[:MOST_FIELD_LENGTH]

    def words(self, name: str, /, **values: Any) -> str:
        """A text of the catalogue."""
        return self.desk.strings(name, **values)

    def page(self, template: str, /, *, status: int = 200, **context: Any) -> web.Response:
        """Answer with a page."""
        folder = "" if "/" in template else "account/"
        html = self.desk.pages.render(f"{folder}{template}.html", **self._context(), **context)
        return self.finish(web.Response(text=html, content_type="text/html", status=status))

    def go(self, path: str) -> web.Response:
        """Answer by sending the browser to another page of ours."""
        return self.finish(web.Response(status=303, headers={"Location": path}))

    def not_found(self) -> NoReturn:
        raise web.HTTPNotFound

    async def enter(self, did: Did) -> None:
        """Sign somebody in in this browser, or note that they proved anew who they are."""
        agent = shown_agent(self.request.headers.get("User-Agent", ""))
        known = self.pds.devices.devices_of(did)
        old = self.cookies[SESSION_COOKIE]
        cookie = await self.pds.devices.start(old, did, agent)
        self.set_cookie(SESSION_COOKIE, cookie)
        self.set_cookie(CHOICE_COOKIE, did)
        if known and not any(one.device == device_of(old) or one.agent == agent for one in known):
            found = self.pds.accounts.require(did)
            browser = named(agent, self.desk.strings)
            await self.tell(found, browser_signed_in(found.handle, browser))

    async def tell(self, account: Account, letter: Letter) -> None:
        """Write to a member, if mail leaves this server: the operator need not read of it."""
        if self.pds.mailer.sends:
            await self.pds.mailer.send(account.did, account.email, letter.subject, letter.body)

    async def send_code(self, purpose: Purpose) -> None:
        """Mail the member a code, not too often. Raises TooManyTries."""
        self.desk.throttle.count(f"mail {self.did}")
        await self.pds.codes.send(self.account, purpose)

    async def leave(self, did: Did) -> None:
        """Sign somebody out in this browser."""
        await self.pds.devices.end(device_of(self.cookies[SESSION_COOKIE]), did)
        if len(self.signed_in) <= 1:
            self.set_cookie(SESSION_COOKIE, "")

    def set_cookie(self, kind: str, value: str) -> None:
        self.cookies[kind] = self.new_cookies[kind] = value

    def finish(self, response: web.Response) -> web.Response:
        """Give the answer its cookies."""
        for kind, value in self.new_cookies.items():
            response.set_cookie(
                self.desk.cookie_name(kind),
                value,
                max_age=_KEPT_SECONDS if value else 0,
                httponly=True,
                # A link in a mail, or an app that sends somebody here, finds them signed in; what
                # changes something is checked by its form.
                samesite="Lax",
                secure=self.desk.is_secure,
            )
        return response

    def _context(self) -> dict[str, Any]:
        when = When(self.desk.strings, self.pds.clock.now)
        return {
            **self.desk.frame,
            "t": self.desk.strings,
            "form_token": form_token(self.form_key) if self.form_key else "",
            "signed_in": self.found is not None,
            "here": self.request.path,
            "when": when,
            "when_us": lambda moment: when(moment / 1_000_000),
            "me": self.found,
        }
