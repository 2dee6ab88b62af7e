"""The password, and the address to which codes are sent."""

from typing import Final

from aiohttp import web

from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.accounts import NameTaken
from appliance.pds.credentials import InvalidPassword, TokenRequired, UnusableEmail
from appliance.pds.email_tokens import ExpiredEmailToken, InvalidEmailToken
from appliance.pds.letters import address_changed

SHORTEST_PASSWORD: Final = 8


async def show_password(visit: Visit) -> web.Response:
    return _password_page(visit, {})


async def change_password(visit: Visit) -> web.Response:
    """Set a new password. Every app and browser is signed out, but for this one."""
    new, did = visit.secret("password"), visit.did
    if new != visit.secret("again"):
        return _password_page(visit, {"again": visit.words("claim.not_again")})
    unfit = {"password": visit.words("password.unfit", least=SHORTEST_PASSWORD)}
    if len(new) < SHORTEST_PASSWORD:
        return _password_page(visit, unfit)
    try:
        await visit.pds.credentials.set_password(did, new)
    except InvalidPassword:
        return _password_page(visit, unfit)
    await visit.enter(did)
    return visit.page("password", errors={}, least=SHORTEST_PASSWORD, changed=True)


async def show_email(visit: Visit) -> web.Response:
    return _email_page(visit)


async def send_confirmation(visit: Visit) -> web.Response:
    await visit.send_code("confirm_email")
    return _email_page(visit, waits_for="confirm")


async def confirm_email(visit: Visit) -> web.Response:
    try:
        await visit.pds.credentials.confirm_email(
            visit.account, visit.account.email, visit.text("code")
        )
    except (InvalidEmailToken, ExpiredEmailToken):
        words = visit.words("entrance.wrong_code")
        return _email_page(visit, waits_for="confirm", errors={"code": words})
    return visit.go(f"{HOME}?done=email")


async def change_email(visit: Visit) -> web.Response:
    """Change the address: at once, or with a code to the old one if that is confirmed."""
    email, old = visit.text("email"), visit.account.email
    errors: dict[str, str] = {}
    try:
        token = visit.text("update_code") or None
        await visit.pds.credentials.update_email(visit.account, email, token)
    except UnusableEmail:
        errors["email"] = visit.words("person_errors.InvalidEmail")
    except NameTaken:
        errors["email"] = visit.words("person_errors.email_taken")
    except TokenRequired:
        await visit.send_code("update_email")
        return _email_page(visit, waits_for="update", email=email)
    except (InvalidEmailToken, ExpiredEmailToken):
        errors["update_code"] = visit.words("entrance.wrong_code")
        return _email_page(visit, waits_for="update", email=email, errors=errors)
    if errors:
        return _email_page(visit, email=email, errors=errors)
    letter = address_changed(visit.account.handle, email)
    await visit.pds.mailer.send(visit.did, old, letter.subject, letter.body)
    return visit.go(f"{HOME}?done=email")


def _password_page(visit: Visit, errors: dict[str, str]) -> web.Response:
    status = 422 if errors else 200
    return visit.page(
        "password", status=status, errors=errors, least=SHORTEST_PASSWORD, changed=False
    )


def _email_page(
    visit: Visit,
    *,
    waits_for: str = "",
    email: str = "",
    errors: dict[str, str] | None = None,
) -> web.Response:
    return visit.page(
        "email",
        status=422 if errors else 200,
        waits_for=waits_for,
        email=email,
        errors=errors or {},
        sends=visit.pds.mailer.sends,
    )
