"""Sign in, prove anew, sign out, change to another account, and a forgotten password."""

from contextlib import suppress
from typing import Final
from urllib.parse import quote

from aiohttp import web

from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.base.browsers import safe_path
from appliance.base.throttle import TooManyTries
from appliance.pds import guesses, rates
from appliance.pds.account_pages.asking import asking_behind, leading_out
from appliance.pds.account_pages.visit import CHOICE_COOKIE, HOME, Visit
from appliance.pds.accounts import Account
from appliance.pds.credentials import InvalidPassword, WrongCredentials, taking_its_time
from appliance.pds.email_tokens import ExpiredEmailToken, InvalidEmailToken
from appliance.pds.factors.factors import FactorRequired, TooManyGuesses, WrongFactor
from appliance.pds.factors.passkeys import BadPasskey
from appliance.pds.factors.sign_in import HalfWay, TicketExpired

_DONE: Final = ("password", "out")


async def show_sign_in(visit: Visit) -> web.Response:
    done = visit.query("done")
    page = following(visit.query("next"))
    return _sign_in_page(visit, page, "", done=done if done in _DONE else "")


async def show_prove(visit: Visit) -> web.Response:
    """Ask a member who is signed in for the password, or a passkey, once more."""
    return _sign_in_page(visit, following(visit.query("next")), "", proving=True)


async def sign_in(visit: Visit) -> web.Response:
    """Take the password of somebody who comes in, or who proves anew who they are."""
    after, proving = following(visit.text("next")), visit.text("proving") == "yes"
    name = visit.did if proving else _whole_name(visit, visit.text("identifier"))
    try:
        found = await _judged(visit, name)
    except TooManyTries as stop:
        error = visit.words("errors.tries", count=stop.wait)
        return _sign_in_page(visit, after, error, proving=proving)
    except WrongCredentials:
        kind = "wrong_password" if proving else "wrong"
        return _sign_in_page(visit, after, visit.words(f"entrance.{kind}"), proving=proving)
    if isinstance(found, HalfWay):
        return _second_page(visit, found, after, "")
    visit.desk.throttle.forgive(visit.address, name.lower())
    guesses.right(visit.pds.limits, visit.request, found.did)
    await visit.enter(found.did)
    return visit.go(after)


async def second_step(visit: Visit) -> web.Response:
    """Take the second step, or mail a code for it."""
    after, ticket = following(visit.text("next")), visit.text("ticket")
    try:
        did = visit.desk.sign_in.holder(ticket, visit.form_key)
    except TicketExpired:
        return _sign_in_page(visit, after, visit.words("entrance.late"))
    half = HalfWay(did, ticket, await visit.pds.factors.required(did))
    if visit.text("send"):
        visit.desk.throttle.count(f"mail {did}")
        await visit.pds.factors.send_code(visit.pds.accounts.require(did))
        return _second_page(visit, half, after, "", sent=True)
    try:
        await visit.desk.sign_in.second_step(ticket, visit.secret("factor_code"), visit.form_key)
    except (FactorRequired, WrongFactor):
        return _second_page(visit, half, after, visit.words("entrance.wrong_code"))
    except TooManyGuesses as stop:
        words = visit.words("entrance.guesses", count=-(-stop.wait // 60))
        return _second_page(visit, half, after, words)
    await visit.enter(did)
    return visit.go(after)


async def passkey(visit: Visit) -> web.Response:
    """Sign in by a passkey alone, or prove anew by one."""
    after, proving = following(visit.text("next")), visit.text("proving") == "yes"
    try:
        did = await visit.desk.sign_in.passkey(visit.secret("factor_code"))
    except BadPasskey:
        words = visit.words("entrance.bad_passkey")
        return _sign_in_page(visit, after, words, proving=proving)
    if proving and did != visit.did:
        words = visit.words("entrance.other_passkey", handle=visit.account.handle)
        return _sign_in_page(visit, after, words, proving=proving)
    await visit.enter(did)
    return visit.go(after)


async def sign_out(visit: Visit) -> web.Response:
    await visit.leave(visit.did)
    # Who is still signed in here as somebody else goes on as that one.
    others = [one for one in visit.signed_in if one.did != visit.did]
    return visit.go(HOME if others else f"{HOME}/sign-in?done=out")


async def switch(visit: Visit) -> web.Response:
    """Go on as another account of this browser."""
    wanted = visit.text("did")
    if wanted not in [one.did for one in visit.signed_in]:
        visit.not_found()
    visit.set_cookie(CHOICE_COOKIE, Did.unchecked(wanted))
    return visit.go(HOME)


async def show_forgotten(visit: Visit) -> web.Response:
    return _forgotten_page(visit, following(visit.query("next")))


async def send_reset(visit: Visit) -> web.Response:
    """Mail a code; who is here and who is not is not told."""
    name, after = visit.text("name"), following(visit.text("next"))
    try:
        visit.desk.throttle.count(visit.address, "reset")
    except TooManyTries as stop:
        error = visit.words("errors.tries", count=stop.wait)
        return _forgotten_page(visit, after, error=error, name=name)
    async with taking_its_time():
        found = visit.pds.credentials.named(_whole_name(visit, name))
        if found is not None:
            with suppress(RateLimitExceeded):
                visit.pds.limits.take("mail-reset", found.did, rates.MAILS)
                await visit.pds.codes.send(found, "reset_password")
    return _forgotten_page(visit, after, sent=True, name=name)


async def reset(visit: Visit) -> web.Response:
    """Set a new password with a mailed code; the second step stays as it is."""
    code, error, after = visit.text("code"), "", following(visit.text("next"))
    try:
        visit.desk.throttle.count(visit.address, "reset")
        await visit.pds.credentials.reset_password(code, visit.secret("password"))
    except TooManyTries as stop:
        error = visit.words("errors.tries", count=stop.wait)
    except (InvalidEmailToken, ExpiredEmailToken):
        error = visit.words("entrance.wrong_code")
    except InvalidPassword:
        error = visit.words("password.unfit", least=1)
    if error:
        return _forgotten_page(visit, after, error=error, sent=True, code=code)
    return visit.go(f"{HOME}/sign-in?done=password&next={quote(after, safe='')}")


async def _judged(visit: Visit, name: str) -> Account | HalfWay:
    """Check a password, unless too many have been tried. Raises TooManyTries, WrongCredentials."""
    visit.desk.throttle.count(visit.address, name.lower())
    meant, limits = visit.pds.credentials.named(name), visit.pds.limits
    try:
        if meant is not None:
            guesses.check(limits, visit.request, meant.did)
        return await visit.desk.sign_in.password(name, visit.secret("password"), visit.form_key)
    except WrongCredentials:
        if meant is not None:
            with suppress(RateLimitExceeded):
                guesses.wrong(limits, visit.request, meant.did)
        raise
    except RateLimitExceeded as limit:
        raise TooManyTries(-(-int(limit.headers["Retry-After"]) // 60)) from limit


def _whole_name(visit: Visit, typed: str) -> str:
    """Whom somebody means who typed "ann" alone, as all here call her: a member of this network."""
    name = typed.removeprefix("@")
    if not name or any(mark in name for mark in ".@:"):
        return name
    whole = [f"{name}{ending}" for ending in visit.pds.site.handle_domains]
    return next((one for one in whole if visit.pds.credentials.named(one)), whole[0])


def following(text: str) -> str:
    """The page of ours to go on to."""
    return safe_path(text, HOME)


def _sign_in_page(
    visit: Visit, after: str, error: str, *, proving: bool = False, done: str = ""
) -> web.Response:
    asking = None if proving else asking_behind(visit, after)
    page = visit.page(
        "sign_in",
        status=422 if error else 200,
        after=after,
        error=error,
        proving=proving,
        done=done,
        asking=asking,
        identifier=visit.text("identifier") or (asking.hint if asking else ""),
        domain=visit.pds.site.handle_domains[0],
        passkey=visit.pds.passkeys.request(),
    )
    return page if asking is None else leading_out(visit, page)


def _forgotten_page(
    visit: Visit,
    after: str,
    *,
    error: str = "",
    sent: bool = False,
    name: str = "",
    code: str = "",
) -> web.Response:
    return visit.page(
        "forgotten",
        status=422 if error else 200,
        after=after,
        error=error,
        sent=sent,
        sends=visit.pds.mailer.sends,
        name=name,
        code=code,
    )


def _second_page(
    visit: Visit, half: HalfWay, after: str, error: str, *, sent: bool = False
) -> web.Response:
    has_passkey = "passkey" in half.kinds
    return visit.page(
        "second_step",
        status=422 if error else 200,
        half=half,
        after=after,
        error=error,
        sent=sent or half.kinds == ["mail"],
        sends=visit.pds.mailer.sends,
        passkey=visit.pds.passkeys.request(half.did) if has_passkey else "",
    )
