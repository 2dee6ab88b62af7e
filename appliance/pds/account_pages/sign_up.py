"""Open an account: for oneself, or on the way into an app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from appliance.atproto.identity.errors import IdentityUnreachable, OperationRefused
from appliance.atproto.syntax import Handle, InvalidSyntax
from appliance.base.throttle import TooManyTries
from appliance.pds.account_pages.asking import asking_behind, leading_out
from appliance.pds.account_pages.entrance import following
from appliance.pds.account_pages.secrets import SHORTEST_PASSWORD
from appliance.pds.account_pages.visit import Visit
from appliance.pds.accounts import NameTaken
from appliance.pds.credentials import InvalidPassword, UnusableEmail
from appliance.pds.handles import HandleNotAvailable, InvalidHandle, UnsupportedDomain
from appliance.pds.invites import InvalidInviteCode
from appliance.pds.joining import EmailMissing, Wish

_FIELDS: Final = ("front", "email", "invite_code")
_WRONG_NAMES: Final = {
    "front": ("front", "person_errors.handle_taken"),
    "email": ("email", "person_errors.email_taken"),
}
# What can be wrong, the narrower kinds first: the field, and the words for it.
_WRONG: Final[Mapping[type[Exception], tuple[str, str]]] = {
    HandleNotAvailable: ("front", "person_errors.HandleNotAvailable"),
    UnsupportedDomain: ("front", "person_errors.UnsupportedDomain"),
    InvalidHandle: ("front", "person_errors.InvalidHandle"),
    InvalidSyntax: ("front", "person_errors.InvalidHandle"),
    EmailMissing: ("email", "person_errors.InvalidEmail"),
    UnusableEmail: ("email", "person_errors.InvalidEmail"),
    InvalidPassword: ("password", "person_errors.InvalidPassword"),
    InvalidInviteCode: ("invite_code", "sign_up.bad_invite"),
    OperationRefused: ("form", "sign_up.no_directory"),
    IdentityUnreachable: ("form", "sign_up.no_directory"),
}


@dataclass
class Filled:
    """What was filled in, without the password, and what was wrong with it."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


async def show(visit: Visit) -> web.Response:
    filled = Filled({name: visit.query(name) for name in _FIELDS})
    return _page(visit, following(visit.query("next")), filled)


async def join(visit: Visit) -> web.Response:
    """Open the account, and sign its owner in."""
    after = following(visit.text("next"))
    filled = Filled({name: visit.text(name) for name in _FIELDS})
    password = visit.secret("password")
    try:
        visit.desk.throttle.count(visit.address, "sign-up")
    except TooManyTries as stop:
        filled.errors["form"] = visit.words("errors.tries", count=stop.wait)
        return _page(visit, after, filled)
    if len(password) < SHORTEST_PASSWORD:
        words = visit.words("person_errors.short_password", least=SHORTEST_PASSWORD)
        filled.errors["password"] = words
        return _page(visit, after, filled)
    name, problem = await open_account(visit, filled, password)
    if problem:
        filled.errors[name] = visit.words(problem)
        return _page(visit, after, filled)
    visit.desk.throttle.forgive(visit.address, "sign-up")
    return visit.go(after)


async def open_account(visit: Visit, filled: Filled, password: str) -> tuple[str, str]:
    """Try it; return the field that is wrong and the name of the words for it."""
    values = filled.values
    front = values["front"].removeprefix("@").lower()
    domain = visit.pds.site.handle_domains[0]
    try:
        handle = Handle(front if front.endswith(domain) else front + domain)
        wish = Wish(handle, values["email"], password, values["invite_code"] or None)
        account = await visit.pds.joining.open(wish)
    except NameTaken as taken:
        return _WRONG_NAMES["email" if taken.kind == "Email" else "front"]
    except tuple(_WRONG) as bad:
        return next(told for kind, told in _WRONG.items() if isinstance(bad, kind))
    await visit.enter(account.did)
    return "", ""


def _page(visit: Visit, after: str, filled: Filled) -> web.Response:
    asking = asking_behind(visit, after)
    chosen = visit.pds.settings.pds
    page = visit.page(
        "sign_up",
        status=422 if filled.errors else 200,
        after=after,
        asking=asking,
        values=filled.values,
        errors=filled.errors,
        domain=visit.pds.site.handle_domains[0],
        invited=visit.pds.joining.terms.invites_required,
        terms=chosen.terms_of_service_url,
        privacy=chosen.privacy_policy_url,
    )
    return page if asking is None else leading_out(visit, page)
