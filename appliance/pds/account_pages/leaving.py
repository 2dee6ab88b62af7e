"""Rest, move away, or delete the account."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from appliance.atproto.identity import plc
from appliance.atproto.syntax import Handle, InvalidSyntax
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.identities import UnusableIdentity
from appliance.pds.moves import NoSuchHost
from appliance.pds.proxy import CREATE_ACCOUNT
from appliance.pds.web_identities import NotMadeHere, Place, UnusablePlace

TOKEN_SECONDS: Final = 3600


async def show(visit: Visit) -> web.Response:
    return _page(visit)


async def deactivate(visit: Visit) -> web.Response:
    """Hide the account; it can be opened again at any time."""
    await visit.pds.lifecycle.deactivate(visit.did, None)
    return visit.go(f"{HOME}/leave")


async def activate(visit: Visit) -> web.Response:
    try:
        await visit.pds.identities.check_points_here(visit.did)
    except (UnusableIdentity, LookupError, OSError):
        return _page(visit, activate_error=visit.words("leave.elsewhere"))
    await visit.pds.repos.make_own(visit.did)
    await visit.pds.lifecycle.activate(visit.did)
    return visit.go(f"{HOME}/leave")


async def delete(visit: Visit) -> web.Response:
    """Delete the account for good, if its handle was typed."""
    typed = visit.text("confirm").removeprefix("@").lower()
    if typed != visit.account.handle:
        words = visit.words("person.delete_mismatch", handle=visit.account.handle)
        return _page(visit, error=words, typed=visit.text("confirm"))
    handle = visit.account.handle
    await visit.pds.lifecycle.delete(visit.did)
    visit.found = None
    return visit.page("gone", handle=handle)


async def show_move(visit: Visit) -> web.Response:
    return await _move_page(visit)


async def begin_move(visit: Visit) -> web.Response:
    """Note where the member moves to."""
    address = visit.text("host").lower()
    try:
        goal = await visit.pds.moves.begin(visit.did, address)
    except NoSuchHost:
        return await _move_page(visit, host=address, error=visit.words("move.no_host"))
    if goal.host == visit.pds.site.url:
        await visit.pds.moves.stop(visit.did)
        return await _move_page(visit, host=address, error=visit.words("move.here"))
    return visit.go(f"{HOME}/move")


async def move_token(visit: Visit) -> web.Response:
    """Vouch to the other server that the account is the member's, for an hour."""
    goal = visit.pds.moves.goal(visit.did)
    if goal is None:
        return visit.go(f"{HOME}/move")
    token = visit.pds.proxy.service_token(visit.did, goal.host_did, CREATE_ACCOUNT, TOKEN_SECONDS)
    return await _move_page(visit, token=token)


async def move_code(visit: Visit) -> web.Response:
    """Mail the code with which the identity is changed."""
    await visit.send_code("plc_operation")
    return await _move_page(visit, sent=True)


async def point(visit: Visit) -> web.Response:
    """Have the document of a name that is ours say that it lives at the other server."""
    goal = visit.pds.moves.goal(visit.did)
    if goal is None:
        return visit.go(f"{HOME}/move")
    key, handle = visit.text("key"), visit.text("handle").removeprefix("@")
    try:
        place = Place.of(goal.host, key, Handle(handle) if handle else None)
        await visit.pds.lifecycle.point(visit.did, visit.account.handle, place)
    except (UnusablePlace, InvalidSyntax):
        words = visit.words("move.point_wrong")
        return await _move_page(visit, point={"key": key, "handle": handle, "error": words})
    except NotMadeHere:
        pass
    return visit.go(f"{HOME}/move")


async def point_home(visit: Visit) -> web.Response:
    """Have the document say again that the account lives here."""
    if visit.pds.web_identities.away_at(visit.did) is not None:
        await visit.pds.lifecycle.point(visit.did, visit.account.handle, None)
    return visit.go(f"{HOME}/move")


async def stop_move(visit: Visit) -> web.Response:
    await visit.pds.moves.stop(visit.did)
    return visit.go(f"{HOME}/move")


def _page(
    visit: Visit, *, error: str = "", typed: str = "", activate_error: str = ""
) -> web.Response:
    status = 422 if error or activate_error else 200
    return visit.page(
        "leave", status=status, error=error, typed=typed, activate_error=activate_error
    )


async def _move_page(
    visit: Visit,
    *,
    host: str = "",
    error: str = "",
    token: str = "",
    sent: bool = False,
    point: Mapping[str, str] | None = None,
) -> web.Response:
    goal = visit.pds.moves.goal(visit.did)
    progress = await visit.pds.moves.progress(visit.did, goal) if goal else None
    return visit.page(
        "move",
        status=422 if error or point else 200,
        is_plc=plc.is_plc_did(visit.did),
        by_name=visit.pds.web_identities.is_made_here(visit.did),
        away=visit.pds.web_identities.away_at(visit.did),
        point=point or {"key": "", "handle": "", "error": ""},
        goal=goal,
        progress=progress,
        here_rev=visit.pds.repos.head(visit.did).rev,
        host=host,
        error=error,
        token=token,
        sent=sent,
        sends=visit.pds.mailer.sends,
    )
