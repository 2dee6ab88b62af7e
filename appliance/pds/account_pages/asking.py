"""The app behind a visit: a member may have been sent here by one that waits for an answer."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from appliance.atproto.syntax import Did, Handle, InvalidSyntax
from appliance.pds.account_pages.visit import ASKING_COOKIE, Visit
from appliance.pds.accounts import Account
from appliance.pds.oauth.client_ids import is_local
from appliance.pds.oauth.metadata import AUTHORIZE
from appliance.pds.oauth.requests import PendingRequest

_POLICY: Final = "Content-Security-Policy"
_WEB: Final = ("http", "https")


@dataclass(frozen=True)
class Asking:
    """What pages say of the app that waits; nothing here is the app's own word but its address."""

    uri: str
    client_id: str
    origin: str
    is_local: bool
    leads_to: str
    hint: str


def asking_of(request: PendingRequest) -> Asking:
    """Say who asks, and where the way leads if that is elsewhere."""
    client, target = urlsplit(request.client_id), urlsplit(request.asked.redirect_uri)
    place = target.netloc if target.scheme in _WEB else f"{target.scheme}:"
    return Asking(
        uri=request.uri,
        client_id=request.client_id,
        origin=client.netloc,
        is_local=is_local(request.client_id),
        leads_to="" if place == client.netloc else place,
        hint=request.asked.login_hint.removeprefix("@"),
    )


def asking_behind(visit: Visit, after: str) -> Asking | None:
    """The app that waits at the page that comes next, if one does."""
    parts = urlsplit(after)
    if parts.path != AUTHORIZE:
        return None
    [uri] = parse_qs(parts.query).get("request_uri", [""])[:1]
    request = visit.pds.oauth.requests.find(uri, visit.cookies[ASKING_COOKIE])
    return None if request is None else asking_of(request)


def hinted_account(visit: Visit, request: PendingRequest) -> Account | None:
    """The account here that the app named, if it named one by what is public."""
    hint = request.asked.login_hint.removeprefix("@")
    try:
        return visit.pds.accounts.find(Did(hint) if hint.startswith("did:") else Handle(hint))
    except InvalidSyntax:
        return None


def show_refusal(visit: Visit, kind: str) -> web.Response:
    """Say why an app cannot be answered; it is not sent there, for it may be another's address."""
    return visit.page("refusal", status=400, kind=kind)


def leading_out(visit: Visit, response: web.Response) -> web.Response:
    """Let the forms of a page lead to an app.

    The way may pass several addresses of the app, and browsers measure each of them by form-action.
    """
    parts = visit.desk.headers[_POLICY].split("; ")
    kept = [part for part in parts if not part.startswith("form-action")]
    response.headers[_POLICY] = "; ".join(kept)
    return response
