"""Claim the network, sign in, sign out, change the password."""

from aiohttp import web

from appliance.admin.claim import SHORTEST_PASSWORD, AlreadyClaimed, UnfitPassword, WrongCode
from appliance.admin.session import WrongPassword
from appliance.admin.visit import Visit
from appliance.base.browsers import safe_path
from appliance.base.throttle import TooManyTries


async def show_claim(visit: Visit) -> web.Response:
    """Ask for the code and a password; the link from the console brings the code along."""
    if visit.panel.owner.owner.is_claimed:
        return visit.go("/")
    return _claim_page(visit, visit.query("code"), {})


async def claim(visit: Visit) -> web.Response:
    code, password = visit.text("code"), visit.secret("password")
    if password != visit.secret("again"):
        return _claim_page(visit, code, {"again": visit.words("claim.not_again")})
    try:
        await visit.panel.claim.take(code, password, visit.address)
    except AlreadyClaimed:
        return visit.page("refusal", status=409, kind="claimed", detail="")
    except TooManyTries as stop:
        return _claim_page(visit, code, {"code": visit.words("errors.tries", count=stop.wait)})
    except WrongCode:
        return _claim_page(visit, code, {"code": visit.words("claim.wrong_code")})
    except UnfitPassword:
        words = visit.words("claim.unfit", least=SHORTEST_PASSWORD)
        return _claim_page(visit, code, {"password": words})
    visit.become_owner(await visit.panel.sessions.begin())
    await _note(visit, "claim")
    return visit.go("/setup/name")


async def show_sign_in(visit: Visit) -> web.Response:
    if not visit.panel.owner.owner.is_claimed:
        return visit.go("/claim")
    following = safe_path(visit.query("next"))
    return visit.go(following) if visit.is_owner else _sign_in_page(visit, following, "")


async def sign_in(visit: Visit) -> web.Response:
    following = safe_path(visit.text("next"))
    try:
        token = await visit.panel.sessions.sign_in(visit.secret("password"), visit.address)
    except TooManyTries as stop:
        return _sign_in_page(visit, following, visit.words("errors.tries", count=stop.wait))
    except WrongPassword:
        await _note(visit, "refuseSignIn")
        return _sign_in_page(visit, following, visit.words("sign_in.wrong"))
    visit.become_owner(token)
    await _note(visit, "signIn")
    return visit.go(following)


async def sign_out(visit: Visit) -> web.Response:
    await visit.panel.sessions.end(visit.session)
    if visit.is_owner:
        await _note(visit, "signOut")
    visit.leave()
    return visit.go("/sign-in")


async def show_password(visit: Visit) -> web.Response:
    return _password_page(visit, {})


async def change_password(visit: Visit) -> web.Response:
    """Set another password, if the old one is typed, too; only this browser stays signed in."""
    old, new = visit.secret("old"), visit.secret("password")
    if new != visit.secret("again"):
        return _password_page(visit, {"again": visit.words("claim.not_again")})
    try:
        token = await visit.panel.sessions.change_password(old, new, visit.address)
    except TooManyTries as stop:
        return _password_page(visit, {"old": visit.words("errors.tries", count=stop.wait)})
    except WrongPassword:
        return _password_page(visit, {"old": visit.words("sign_in.wrong")})
    except UnfitPassword:
        words = visit.words("claim.unfit", least=SHORTEST_PASSWORD)
        return _password_page(visit, {"password": words})
    visit.become_owner(token)
    await _note(visit, "changePassword")
    return visit.go("/password?done=changed")


async def _note(visit: Visit, what: str) -> None:
    await visit.panel.acts.note(f"panel.{what}", {"address": visit.address})


def _claim_page(visit: Visit, code: str, errors: dict[str, str]) -> web.Response:
    status = 422 if errors else 200
    return visit.page(
        "claim", status=status, code=code, errors=errors, least_password=SHORTEST_PASSWORD
    )


def _password_page(visit: Visit, errors: dict[str, str]) -> web.Response:
    status = 422 if errors else 200
    done = visit.query("done") == "changed" and not errors
    return visit.page(
        "password", status=status, errors=errors, done=done, least_password=SHORTEST_PASSWORD
    )


def _sign_in_page(visit: Visit, following: str, error: str) -> web.Response:
    status = 422 if error else 200
    data = visit.settings.paths.data
    return visit.page("sign_in", status=status, following=following, error=error, data=data)
