"""What is not served here: pass it to the AppView, or to the service the caller names."""

from typing import Final

from aiohttp import web

from appliance.atproto.syntax import Nsid
from appliance.atproto.xrpc.errors import AuthRequired, InvalidRequest, InvalidToken
from appliance.atproto.xrpc.server import PRIVATE
from appliance.pds.appview_choices import USUAL
from appliance.pds.proxy import PROTECTED, Answer, Call, Target, is_privileged
from appliance.pds.role import Pds
from appliance.pds.services_elsewhere import UpstreamFailed
from appliance.pds.xrpc import no_chats
from appliance.pds.xrpc.auth import Caller, account, is_authorized, looked_at_inside
from appliance.pds.xrpc.feed_tokens import GET_FEED, SKELETON, for_the_feed
from appliance.pds.xrpc.no_chats import BLUESKY_CHAT
from appliance.pds.xrpc.patched import may_be_patched, patched, readable

_MEMBER: Final = account.for_apps(looked_at_inside)
LARGEST_WHOLE: Final = 256 * 1024
# What is the same for everybody: apps need no permission for it.
_PUBLIC: Final = "com.atproto.repo.getRecord"
# What others answer comes under our name: it is never a page of ours, whatever it says it is.
_NO_PAGE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
# What anybody may ask of our AppView through us, as the official client does when signed out.
_OPEN_TO_ALL = ("app.bsky.", _PUBLIC)


async def forward(pds: Pds, request: web.Request, nsid: Nsid) -> web.StreamResponse:
    """Forward a call and send the answer on as it comes.

    Raises what `Proxy` and `account` raise; InvalidToken for a method the caller may not use, and
    InsufficientScope for one that an app was not granted.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        raise InvalidRequest(f"Incorrect HTTP method ({request.method})")
    header = request.headers.get("atproto-proxy") or None
    caller = None
    if is_authorized(request) or not _is_open(pds, request, nsid):
        pds.proxy.check_configured(header)
        caller = await _MEMBER(pds, request)
        _check_method(caller, nsid)
    choice = pds.appview_choices.of(caller.did) if caller else USUAL
    if caller is not None and (header is not None or nsid != _PUBLIC):
        names = pds.proxy.names(header, choice)
        caller.require_call(nsid, names)
        if nsid == GET_FEED:
            caller.require_call(SKELETON, names)
    if caller is not None and header == BLUESKY_CHAT and pds.site.routes.intercept:
        return no_chats.answer(nsid)
    target = await pds.proxy.target(header, choice)
    if caller is None and not target.is_appview:
        raise AuthRequired
    if target.is_appview and target.is_local and request.method == "GET":
        return await _ask_inside(pds, request, nsid, caller, target)
    async with pds.proxy.place(target, caller.did if caller else None):
        return await _send(pds, request, nsid, caller, target)


async def _ask_inside(
    pds: Pds, request: web.Request, nsid: Nsid, caller: Caller | None, target: Target
) -> web.Response:
    """Pass a question to the AppView of this appliance, which most requests are."""
    call = Call("GET", nsid, [], request.headers, None)
    did = caller.did if caller else None
    rev = pds.repos.head(did).rev if did else None
    query = request.rel_url.raw_query_string
    status, headers, body = await pds.proxy.ask_inside(target, call, query, did, rev)
    sent = {**headers, **PRIVATE} if caller else headers
    return web.Response(status=status, headers=sent, body=body)


async def _send(
    pds: Pds, request: web.Request, nsid: Nsid, caller: Caller | None, target: Target
) -> web.StreamResponse:
    call = Call(
        request.method,
        nsid,
        list(request.query.items()),
        request.headers,
        request.content.iter_any() if request.body_exists else None,
    )
    did = caller.did if caller else None
    rev = pds.repos.head(did).rev if did and target.is_appview else None
    is_patched = did is not None and not target.is_local and may_be_patched(call)
    if is_patched:
        call = readable(request, call)
    if caller is not None and nsid == GET_FEED and not target.is_local:
        call = await for_the_feed(pds, target, call)
    begun = web.StreamResponse()
    try:
        async with pds.proxy.send(target, call, did, rev) as answer:
            found: web.Response | Answer = answer
            if did is not None and is_patched:
                found = await patched(pds, request, target, call, did, answer)
            if isinstance(found, Answer):
                return await _stream(request, begun, found, private=caller is not None)
            return found
    except UpstreamFailed as failed:
        if not begun.prepared:
            raise
        # Part of the answer may be out: to cut the connection is the only way left to say so.
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the service stopped in the middle of its answer") from failed


async def _stream(
    request: web.Request, begun: web.StreamResponse, answer: Answer, *, private: bool
) -> web.StreamResponse:
    """Send an answer on: a page whole, so that it can fail; what is larger as it comes."""
    headers = {**answer.headers, **_NO_PAGE, **(PRIVATE if private else {})}
    size = answer.headers.get("content-length", "")
    if request.method != "HEAD" and size.isdecimal() and int(size) <= LARGEST_WHOLE:
        # A page goes out in one piece: head and body apart cost the client two awakenings.
        body = b"".join([chunk async for chunk in answer.chunks])
        return web.Response(status=answer.status, headers=headers, body=body)
    begun.set_status(answer.status)
    begun.headers.update(headers)
    await begun.prepare(request)
    async for chunk in answer.chunks:
        await begun.write(chunk)
    await begun.write_eof()
    return begun


def _is_open(pds: Pds, request: web.Request, nsid: Nsid) -> bool:
    known = pds.validator.catalog.has(nsid)
    return known and request.method != "POST" and nsid.startswith(_OPEN_TO_ALL)


def _check_method(caller: Caller, nsid: Nsid) -> None:
    if nsid in PROTECTED or (is_privileged(nsid) and not caller.is_privileged):
        raise InvalidToken("Bad token method")
