"""Joining by an invite: the page behind the link, and what to do next."""

from typing import Final

from aiohttp import web

from appliance.atproto.syntax import Did
from appliance.base.made_up import made_up_address
from appliance.base.throttle import TooManyTries
from appliance.pds.account_pages.secrets import SHORTEST_PASSWORD
from appliance.pds.account_pages.sign_up import Filled, open_account
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.invites import OPERATOR, InviteCode

WELCOME: Final = f"{HOME}/welcome"
LONGEST_CODE: Final = 100


async def show(visit: Visit) -> web.Response:
    """Welcome whoever has the link, and ask what an account takes."""
    invite = await _invite(visit)
    if invite is None:
        return _page(visit, None, Filled())
    return _page(visit, invite, Filled())


async def accept(visit: Visit) -> web.Response:
    """Open the account, sign its owner in, and say what to do next."""
    invite = await _invite(visit)
    if invite is None:
        return _page(visit, None, Filled())
    filled = Filled({"front": visit.text("front"), "email": visit.text("email")})
    password = visit.secret("password")
    if not await _is_fit(visit, filled, password):
        return _page(visit, invite, filled)
    front = filled.values["front"].removeprefix("@").lower().partition(".")[0]
    address = filled.values["email"] or made_up_address(front + visit.pds.site.handle_domains[0])
    wish = Filled({**filled.values, "email": address, "invite_code": invite.code})
    name, problem = await open_account(visit, wish, password)
    if problem:
        filled.errors["form" if name == "invite_code" else name] = visit.words(problem)
        return _page(visit, invite, filled)
    visit.desk.throttle.forgive(visit.address, "sign-up")
    return visit.go(WELCOME)


async def welcome(visit: Visit) -> web.Response:
    """Say to a member what to do next: which app, which address, which name."""
    return visit.page(
        "welcome",
        provider=visit.pds.site.url,
        client=client_url(visit),
        text=visit.pds.house_texts.get("welcome"),
    )


def client_url(visit: Visit) -> str:
    """Where this network's own web client is, if it has one."""
    return visit.pds.settings.client_address


async def _invite(visit: Visit) -> InviteCode | None:
    """The invite of the link, while somebody can come in by it. Raises TooManyTries."""
    code = visit.request.match_info["code"]
    found = await visit.pds.invites.find(code) if len(code) <= LONGEST_CODE else None
    if found is None:
        visit.desk.throttle.count(visit.address, "invite")
    return found if found is not None and found.is_open(visit.pds.clock.now_us()) else None


async def _is_fit(visit: Visit, filled: Filled, password: str) -> bool:
    """Look the form over before anything is opened."""
    try:
        visit.desk.throttle.count(visit.address, "sign-up")
    except TooManyTries as stop:
        filled.errors["form"] = visit.words("errors.tries", count=stop.wait)
        return False
    if len(password) < SHORTEST_PASSWORD:
        words = visit.words("person_errors.short_password", least=SHORTEST_PASSWORD)
        filled.errors["password"] = words
    if visit.pds.house_texts.get("rules") and visit.text("rules") != "yes":
        filled.errors["rules"] = visit.words("join.rules_missing")
    return not filled.errors


def _page(visit: Visit, invite: InviteCode | None, filled: Filled) -> web.Response:
    status = 404 if invite is None else 422 if filled.errors else 200
    maker = None if invite is None or invite.created_by == OPERATOR else invite.created_by
    return visit.page(
        "join",
        status=status,
        invite=invite,
        by=visit.pds.accounts.find(Did.unchecked(maker)) if maker else None,
        values=filled.values,
        errors=filled.errors,
        domain=visit.pds.site.handle_domains[0],
        rules=visit.pds.house_texts.get("rules"),
        front=visit.pds.site.url,
    )
