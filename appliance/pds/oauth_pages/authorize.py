"""What a member sees whom an app has sent here: sign in, choose an account, decide.

Every step begins anew from the request that waits and from who is signed in in this browser.
https://atproto.com/specs/oauth#authorization-interface
"""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from aiohttp import web

from appliance.base.browsers import new_token
from appliance.pds.account_pages.apps import origin_of
from appliance.pds.account_pages.asking import (
    asking_of,
    hinted_account,
    leading_out,
    show_refusal,
)
from appliance.pds.account_pages.visit import ASKING_COOKIE, CHOICE_COOKIE, HOME, Visit
from appliance.pds.accounts import Account
from appliance.pds.devices import DeviceAccount
from appliance.pds.letters import app_let_in
from appliance.pds.oauth.errors import OAuthError
from appliance.pds.oauth.metadata import AUTHORIZE
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.pds.oauth.requests import PendingRequest, RequestGone
from appliance.pds.oauth_pages import consent_page
from appliance.pds.oauth_pages.returning import with_code, with_error


async def show(visit: Visit) -> web.StreamResponse:
    """Open a request that an app has pushed, and show what is next."""
    if not visit.cookies[ASKING_COOKIE]:
        visit.set_cookie(ASKING_COOKIE, new_token())
    uri, client_id = visit.query("request_uri"), visit.query("client_id")
    if not uri:
        return show_refusal(visit, "not_pushed")
    try:
        request = await visit.pds.oauth.requests.open(uri, client_id, visit.cookies[ASKING_COOKIE])
    except RequestGone:
        return show_refusal(visit, "request_gone")
    return await _next_step(visit, request)


async def choose(visit: Visit) -> web.StreamResponse:
    """Go on as one of the accounts of this browser."""
    request = _request_of(visit)
    if request is None:
        return show_refusal(visit, "request_gone")
    device = _device(visit, request, visit.text("did"))
    if device is None:
        return visit.go(path_of(request))
    await visit.pds.oauth.requests.choose(request.uri, device.did)
    visit.set_cookie(CHOICE_COOKIE, device.did)
    return visit.go(path_of(request))


async def decide(visit: Visit) -> web.StreamResponse:
    """Take a member's yes, perhaps to a part of it, or no."""
    request = _request_of(visit)
    if request is None:
        return show_refusal(visit, "request_gone")
    if visit.text("answer") != "yes":
        await visit.pds.oauth.requests.end(request.uri)
        return with_error(visit, request.asked, "access_denied", "The member said no")
    device = _device(visit, request, visit.text("did"))
    if device is None or not _is_proved(request, device):
        return visit.go(path_of(request))
    account = visit.pds.accounts.require(device.did)
    if account.takedown_ref is not None:
        return show_refusal(visit, "takendown")
    known = visit.pds.oauth.grants.of_account(account.did)
    try:
        granted = consent_page.granted(visit, request)
        code = await visit.pds.oauth.approve(request, account.did, granted)
    except RequestGone:
        return show_refusal(visit, "request_gone")
    except InvalidScope as bad:
        return await _refused(visit, request, "invalid_scope", str(bad))
    if request.client_id not in [one.client_id for one in known]:
        origin = origin_of(visit, request.client_id)
        await visit.tell(account, app_let_in(account.handle, origin))
    return with_code(visit, request.asked, code)


def path_of(request: PendingRequest) -> str:
    """The address of ours at which a request goes on."""
    query = urlencode({"client_id": request.client_id, "request_uri": request.uri})
    return f"{AUTHORIZE}?{query}"


async def _next_step(visit: Visit, request: PendingRequest) -> web.StreamResponse:
    present = _candidates(visit, request)
    if request.asked.prompt == "none":
        return await _silent(visit, request, present)
    somebody_came = any(_came_for(request, one) for one in visit.signed_in)
    if request.asked.prompt == "create" and not somebody_came:
        return visit.go(_through("sign-up", request))
    if not present:
        return visit.go(_through("sign-in", request))
    device = _picked(visit, request, present)
    if device is None or visit.query("choose"):
        accounts = [visit.pds.accounts.require(one.did) for one in present]
        return _chooser(visit, request, accounts)
    if not _is_proved(request, device):
        return visit.go(_through("sign-in", request))
    account = visit.pds.accounts.require(device.did)
    if account.takedown_ref is not None:
        return show_refusal(visit, "takendown")
    try:
        return await consent_page.show(visit, request, account, _another(request, present))
    except InvalidScope as bad:
        return await _refused(visit, request, "invalid_scope", str(bad))


async def _silent(
    visit: Visit, request: PendingRequest, present: Sequence[DeviceAccount]
) -> web.StreamResponse:
    """Answer at once, without a page: only for what this member has granted before."""
    scope = request.asked.scope
    if not present:
        return await _refused(visit, request, "login_required", "Nobody is signed in")
    if len(present) > 1:
        told = "Several accounts are signed in"
        return await _refused(visit, request, "account_selection_required", told)
    account = visit.pds.accounts.require(present[0].did)
    known = visit.pds.oauth.grants.was_granted(account.did, request.client_id, scope)
    if not known or account.takedown_ref is not None:
        return await _refused(visit, request, "consent_required", "The member has to be asked")
    try:
        code = await visit.pds.oauth.approve(request, account.did, Permissions.parse(scope))
    except OAuthError as gone:
        return await _refused(visit, request, "interaction_required", str(gone))
    return with_code(visit, request.asked, code)


async def _refused(
    visit: Visit, request: PendingRequest, error: str, description: str
) -> web.Response:
    """Send the browser back to the app with an error."""
    await visit.pds.oauth.requests.end(request.uri)
    return with_error(visit, request.asked, error, description)


def _request_of(visit: Visit) -> PendingRequest | None:
    """The request that a form is about, if it was opened in this browser."""
    return visit.pds.oauth.requests.find(visit.text("request_uri"), visit.cookies[ASKING_COOKIE])


def _candidates(visit: Visit, request: PendingRequest) -> list[DeviceAccount]:
    """Who of those signed in may answer: the account the app named, or anybody."""
    wanted = hinted_account(visit, request)
    here = [one for one in visit.signed_in if visit.pds.accounts.find(one.did) is not None]
    return [one for one in here if wanted is None or one.did == wanted.did]


def _device(visit: Visit, request: PendingRequest, did: str) -> DeviceAccount | None:
    return next((one for one in _candidates(visit, request) if one.did == did), None)


def _picked(
    visit: Visit, request: PendingRequest, present: Sequence[DeviceAccount]
) -> DeviceAccount | None:
    """The account that was chosen or that signed in for this, the last one; or the only one."""
    meant = [one for one in present if one.did == request.chosen or _came_for(request, one)]
    for one in meant:
        if visit.at is not None and one.did == visit.at.did:
            return one
    if meant:
        return meant[0]
    may_pick = request.asked.prompt != "select_account" and len(present) == 1
    return present[0] if may_pick else None


def _came_for(request: PendingRequest, device: DeviceAccount) -> bool:
    """Whether somebody proved who they are since the app asked."""
    return device.proved_at >= request.opened_at


def _is_proved(request: PendingRequest, device: DeviceAccount) -> bool:
    """Whether an account need not prove anew who it is."""
    return request.asked.prompt != "login" or _came_for(request, device)


def _another(request: PendingRequest, present: Sequence[DeviceAccount]) -> str:
    """Where to go on as somebody else."""
    return f"{path_of(request)}&choose=yes" if len(present) > 1 else _through("sign-in", request)


def _through(page: str, request: PendingRequest) -> str:
    """The address of a page of ours that leads back here."""
    return f"{HOME}/{page}?next={quote(path_of(request), safe='')}"


def _chooser(visit: Visit, request: PendingRequest, accounts: Sequence[Account]) -> web.Response:
    page = visit.page(
        "oauth/choose",
        asking=asking_of(request),
        accounts=accounts,
        another=_through("sign-in", request),
    )
    return leading_out(visit, page)
