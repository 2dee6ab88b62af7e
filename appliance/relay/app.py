"""The relay's aiohttp application."""

from aiohttp import web

from appliance.atproto.xrpc.limits import Limits
from appliance.atproto.xrpc.server import add_methods
from appliance.firehose.serve import close_on_shutdown
from appliance.relay.role import Relay
from appliance.relay.xrpc import com_atproto_sync, internal_hearth_upkeep
from appliance.settings import Settings

FRONT = """This is a relay of the AT Protocol: it carries the public events of its hosts.

    /xrpc/com.atproto.sync.subscribeRepos
"""


def build_app(role: Relay, settings: Settings) -> web.Application:
    """Make the application which serves the relay's methods."""
    app = web.Application()
    add_methods(
        app,
        role,
        [com_atproto_sync.methods, internal_hearth_upkeep.methods],
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
        limits=_limits(role, settings) if settings.limits.enabled else None,
    )
    app.router.add_get("/", _front)

    close_on_shutdown(app, role.log)
    return app


def _limits(role: Relay, settings: Settings) -> Limits:
    return Limits(role.clock.now, trusted_proxies=settings.network.trusted_proxies)


async def _front(_request: web.Request) -> web.Response:
    return web.Response(text=FRONT)
