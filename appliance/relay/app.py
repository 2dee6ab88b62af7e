"""The relay's aiohttp application."""

from functools import partial

from aiohttp import web

from appliance.atproto.xrpc.limits import MINUTE, Limits, Policy, Rule
from appliance.atproto.xrpc.server import add_methods
from appliance.firehose.serve import close_on_shutdown
from appliance.relay.jetstream import legacy
from appliance.relay.metrics import metrics_of
from appliance.relay.role import Relay
from appliance.relay.xrpc import (
    com_atproto_sync,
    internal_hearth_relay,
    internal_hearth_upkeep,
    internal_hearth_upstream,
    network_bsky_jetstream,
)
from appliance.settings import Settings
from appliance.upkeep import metrics

_PER_ADDRESS = {
    "com.atproto.sync.getRepo": (Rule(500, 5 * MINUTE),),
    "com.atproto.sync.requestCrawl": (Rule(100, 5 * MINUTE),),
}
FRONT = """This is a relay of the AT Protocol: it carries the public events of its hosts.

    /xrpc/com.atproto.sync.subscribeRepos
    /subscribe                                         Jetstream, JSON for bots
    /xrpc/network.bsky.jetstream.subscribeEvents       its second dialect
"""


def build_app(role: Relay, settings: Settings) -> web.Application:
    """Make the application which serves the relay's methods."""
    app = web.Application()
    add_methods(
        app,
        role,
        [
            com_atproto_sync.methods,
            internal_hearth_relay.methods,
            internal_hearth_upkeep.methods,
            internal_hearth_upstream.methods,
            network_bsky_jetstream.methods,
        ],
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
        limits=Limits(role.clock.now, _policy(settings)),
    )
    app.router.add_get("/", _front)
    told = metrics.of_report(
        partial(internal_hearth_upkeep.get_status, role, None), partial(metrics_of, role)
    )
    app.router.add_get(metrics.PATH, metrics.endpoint(role, told))
    app.router.add_get(legacy.PATH, partial(legacy.subscribe, tape=role.tape, seats=role.seats))

    close_on_shutdown(app, role.log)
    return app


def _policy(settings: Settings) -> Policy:
    return Policy(
        enabled=settings.limits.enabled,
        per_address=_PER_ADDRESS,
        trusted_proxies=settings.network.trusted_proxies,
        bypass_addresses=settings.limits.bypass_addresses,
    )


async def _front(_request: web.Request) -> web.Response:
    return web.Response(text=FRONT)
