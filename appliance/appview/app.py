"""The AppView's aiohttp application: its methods, its pictures, its DID document."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web

from appliance.appview.blobs import WrongBlob
from appliance.appview.cards.door import CardDoor
from appliance.appview.image_pool import UndecodableImage
from appliance.appview.images import InvalidImagePath, NoSuchImage, parse_path
from appliance.appview.repo_hosts import NoRepoHost
from appliance.appview.role import AppView
from appliance.appview.xrpc import (
    app_bsky_actor,
    app_bsky_ageassurance,
    app_bsky_bookmark,
    app_bsky_contact,
    app_bsky_draft,
    app_bsky_embed,
    app_bsky_feed,
    app_bsky_feed_generator,
    app_bsky_feed_posts,
    app_bsky_feed_search,
    app_bsky_graph,
    app_bsky_graph_lists,
    app_bsky_graph_packs,
    app_bsky_labeler,
    app_bsky_notification,
    app_bsky_unspecced,
    app_bsky_unspecced_skeletons,
    app_bsky_unspecced_threads,
    app_bsky_video,
    com_atproto_identity,
    com_atproto_label,
    com_atproto_repo,
    com_atproto_temp,
    internal_hearth_appview,
    internal_hearth_feeds,
    internal_hearth_upkeep,
)
from appliance.appview.xrpc.auth import add_headers
from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.xrpc.server import add_methods
from appliance.base.http import OutboundFailed, OutboundRefused
from appliance.base.pressure import RETRY_SECONDS, NoMemory
from appliance.settings import Settings
from appliance.upkeep import metrics

APPVIEW: Final = web.AppKey("appview", AppView)

METHODS: Final = (
    app_bsky_actor.methods,
    app_bsky_ageassurance.methods,
    app_bsky_bookmark.methods,
    app_bsky_contact.methods,
    app_bsky_draft.methods,
    app_bsky_embed.methods,
    app_bsky_feed.methods,
    app_bsky_feed_generator.methods,
    app_bsky_feed_posts.methods,
    app_bsky_feed_search.methods,
    app_bsky_graph.methods,
    app_bsky_graph_lists.methods,
    app_bsky_graph_packs.methods,
    app_bsky_labeler.methods,
    app_bsky_notification.methods,
    app_bsky_unspecced.methods,
    app_bsky_unspecced_skeletons.methods,
    app_bsky_unspecced_threads.methods,
    app_bsky_video.methods,
    com_atproto_identity.methods,
    com_atproto_label.methods,
    com_atproto_repo.methods,
    com_atproto_temp.methods,
    internal_hearth_appview.methods,
    internal_hearth_feeds.methods,
    internal_hearth_upkeep.methods,
)

# What is shown here was made by strangers: no script, no guessing of types, no framing.
SANDBOX: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
}
# Our own accounts' takedowns reach every cache of ours; of others' we hear later.
KEEP_LOCAL: Final = "public, max-age=31536000, immutable"
KEEP_REMOTE: Final = "public, max-age=86400"
KEEP_NOTHING: Final = "no-store"


def build_app(role: AppView, settings: Settings) -> web.Application:
    """Make the application."""
    app = web.Application()
    app[APPVIEW] = role
    add_methods(
        app,
        role,
        METHODS,
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
    )
    told = metrics.of_report(partial(internal_hearth_upkeep.get_status, role, None))
    app.router.add_get(metrics.PATH, metrics.endpoint(role, told))
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/img/{rest:.*}", _plain_errors(picture))
    app.router.add_get("/blob/{did}/{cid}", _plain_errors(blob))
    CardDoor(role.cards, role.public_url, settings, role.clock).add_to(app)
    app.router.add_get("/.well-known/did.json", did_document)
    app.router.add_get("/robots.txt", robots)
    return app


async def picture(request: web.Request) -> web.StreamResponse:
    """Answer /img/<preset>/plain/<did>/<cid>[@<format>]."""
    appview = request.app[APPVIEW]
    wanted = parse_path(request.rel_url.raw_path)
    tag = f'"{wanted.cid}-{wanted.preset}-{wanted.format}"'
    local = appview.hosts.is_home(appview.actors.pds(wanted.did))
    headers = {
        **SANDBOX,
        "ETag": tag,
        "Cache-Control": KEEP_LOCAL if local else KEEP_REMOTE,
    }
    if wanted.preset == "download":
        headers["Content-Disposition"] = "attachment"
    if request.headers.get("If-None-Match") == tag and appview.gate.may_show(
        wanted.did, wanted.cid
    ):
        return web.Response(status=304, headers=headers)
    made = await appview.images.picture(wanted)
    return web.Response(body=made.body, content_type=made.mime_type, headers=headers)


async def blob(request: web.Request) -> web.StreamResponse:
    """Answer /blob/<did>/<cid> with the bytes as they are; never as a page."""
    appview = request.app[APPVIEW]
    try:
        did, cid = Did(request.match_info["did"]), Cid.parse(request.match_info["cid"])
    except (InvalidSyntax, InvalidCid) as error:
        raise InvalidImagePath(str(error)) from error
    response = web.StreamResponse(headers={**SANDBOX, "Cache-Control": KEEP_REMOTE})
    response.headers["Content-Disposition"] = f'attachment; filename="{cid}"'
    try:
        async with appview.blobs.open(did, cid) as (mime_type, chunks):
            response.content_type = mime_type
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(chunk)
    except (WrongBlob, OutboundFailed) as error:
        if not response.prepared:
            raise OutboundFailed(str(error)) from error
        # Too late for an error: a cut connection tells the client that this is not it.
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def did_document(request: web.Request) -> web.Response:
    """Answer /.well-known/did.json: the services of the AppView's did:web."""
    appview = request.app[APPVIEW]
    return web.json_response(
        {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": appview.did,
            "service": [
                {"id": f"#{name}", "type": kind, "serviceEndpoint": appview.public_url}
                for name, kind in (
                    ("bsky_appview", "BskyAppView"),
                    ("bsky_notif", "BskyNotificationService"),
                )
            ],
        }
    )


async def robots(request: web.Request) -> web.Response:
    return web.Response(text="User-agent: *\nDisallow: /\n")


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _plain_errors(handler: Handler) -> Handler:
    """Answer what goes wrong with a status and one line."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except InvalidImagePath as error:
            return _error(400, str(error))
        except (NoSuchImage, UndecodableImage, NoRepoHost, IdentityNotFound) as error:
            return _error(404, str(error))
        except NoMemory as error:
            short = _error(503, str(error))
            short.headers["Retry-After"] = str(RETRY_SECONDS)
            return short
        except (OutboundFailed, OutboundRefused, IdentityUnreachable):
            return _error(502, "the account's PDS gives no answer")

    return answer


def _error(status: int, message: str) -> web.Response:
    headers = {**SANDBOX, "Cache-Control": KEEP_NOTHING}
    return web.Response(status=status, text=f"{message}\n", headers=headers)
