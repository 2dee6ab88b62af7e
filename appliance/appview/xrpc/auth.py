"""For whom a request is answered: the viewer by service token, their labelers, their last write."""

from typing import Final

from aiohttp import web

from appliance.appview.hydrate.hydration import Audience, Labeler, SignedIn, Viewer
from appliance.appview.role import AppView
from appliance.atproto import jwt
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.errors import AuthRequired, InvalidRequest

WAIT_FOR_REV: Final = "Hearth-Wait-For-Rev"
ACCEPT_LABELERS: Final = "atproto-accept-labelers"
MOST_LABELERS: Final = 32
SKELETON: Final = "app.bsky.feed.getFeedSkeleton"
# The token that came for a feed's service, and which that is.
FEED_TOKEN: Final = web.RequestKey("feed token", tuple[str, str])
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


async def feed_reader(appview: AppView, request: web.Request) -> Audience:
    """As `anyone`; other PDSes send a token for the service of the feed in place of ours.

    Our own PDS does not: such a token of a member here has been at that service, which is not to
    learn by it whom they mute or what they keep. The page is made for nobody in particular then.
    """
    token = _token(request)
    if token is None or _method_of(token) != SKELETON:
        return await anyone(appview, request)
    name = str(jwt.parse(token).claims.get("aud", ""))
    viewer = await appview.tokens.viewer(token, SKELETON, (name,))
    request[FEED_TOKEN] = (token, name.partition("#")[0])
    if appview.hosts.is_home(appview.actors.pds(viewer.did)):
        if not appview.logged_out_reads:
            raise AuthRequired
        return Audience(None, _labelers(appview, request))
    return SignedIn(viewer, _labelers(appview, request))


async def skeleton_reader(appview: AppView, request: web.Request) -> Viewer | None:
    """Take whoever proves a DID to the feeds of this network, or nobody in particular."""
    token, own = _token(request), appview.feeds.did
    if token is None or own is None:
        return None
    return await appview.tokens.viewer(token, SKELETON, (own, f"{own}#bsky_fg"))


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


def _token(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _method_of(token: str) -> str | None:
    """Say for which method a token is; None for what is no token."""
    try:
        return str(jwt.parse(token).claims.get("lxm"))
    except jwt.InvalidToken:
        return None


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
