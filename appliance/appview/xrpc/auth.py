"""For whom a request is answered: the viewer by service token, their labelers, their last write."""

from typing import Final

from aiohttp import web

from appliance.appview.hydrate.hydration import Audience, Labeler, SignedIn
from appliance.appview.role import AppView
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.errors import AuthRequired, InvalidRequest

WAIT_FOR_REV: Final = "Hearth-Wait-For-Rev"
ACCEPT_LABELERS: Final = "atproto-accept-labelers"
MOST_LABELERS: Final = 32
_REV: Final = web.RequestKey("rev", str)
_LABELERS: Final = web.RequestKey("labelers", str)


async def signed_in(appview: AppView, request: web.Request) -> SignedIn:
    """Require a viewer. Waits until what they last wrote is indexed. Raises AuthRequired."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthRequired
    viewer = await appview.tokens.viewer(token.strip(), request.match_info["nsid"])
    wanted = request.headers.get(WAIT_FOR_REV)
    if wanted is not None:
        await appview.revs.wait(viewer.did, _parse_rev(wanted))
        await appview.identities.settled(viewer.did)
        viewer = appview.tokens.refreshed(viewer)
    rev = appview.revs.rev(viewer.did)
    if rev is not None:
        request[_REV] = rev
    return SignedIn(viewer, _labelers(appview, request))


async def anyone(appview: AppView, request: web.Request) -> Audience:
    """Take a viewer if there is one; without one, answer only if the operator allows it."""
    if "Authorization" in request.headers:
        return await signed_in(appview, request)
    if not appview.logged_out_reads:
        raise AuthRequired
    return Audience(None, _labelers(appview, request))


async def everyone(appview: AppView, request: web.Request) -> Audience:
    """Take a viewer if there is one: for what clients ask before anybody signs in."""
    if "Authorization" in request.headers:
        return await signed_in(appview, request)
    return Audience(None, _labelers(appview, request))


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Name, on an answer, the rev up to which the viewer is indexed, and the labelers used.

    To be appended to the app's `on_response_prepare`.
    """
    if _REV in request:
        response.headers["Atproto-Repo-Rev"] = request[_REV]
    if _LABELERS in request:
        response.headers["Atproto-Content-Labelers"] = request[_LABELERS]


def _parse_rev(text: str) -> Tid:
    try:
        return Tid(text)
    except ValueError as error:
        raise InvalidRequest(f"{WAIT_FOR_REV}: {error}") from error


def _labelers(appview: AppView, request: web.Request) -> tuple[Labeler, ...]:
    """Say whose labels are wanted: those of the header; without one, the usual ones."""
    header = request.headers.get(ACCEPT_LABELERS)
    found = appview.labelers.sources.usual() if header is None else _parse_labelers(header)
    if found:
        request[_LABELERS] = ",".join(
            f"{labeler.did};redact" if labeler.redact else labeler.did for labeler in found
        )
    return found


def _parse_labelers(header: str) -> tuple[Labeler, ...]:
    """Read whom the viewer wants labels from; what is no DID is passed over."""
    wanted: dict[str, bool] = {}
    for entry in header.split(","):
        text, *parameters = (part.strip() for part in entry.split(";"))
        try:
            did = Did(text)
        except InvalidSyntax:
            continue
        wanted[did] = wanted.get(did, False) or "redact" in parameters
    return tuple(Labeler(did, redact) for did, redact in list(wanted.items())[:MOST_LABELERS])
