"""The labeler's aiohttp application."""

from functools import partial
from typing import Final

from aiohttp import web

from appliance.atproto.xrpc.limits import MINUTE, Limits, Policy, Rule
from appliance.atproto.xrpc.server import add_methods
from appliance.firehose.serve import close_on_shutdown
from appliance.labeler.role import Labeler
from appliance.labeler.xrpc import (
    com_atproto_label,
    com_atproto_moderation,
    internal_hearth_labeler,
    internal_hearth_upkeep,
)
from appliance.settings import Settings
from appliance.upkeep import metrics

MOST_BODY_BYTES: Final = 100_000
# A pattern may stand for every label there is.
PER_ADDRESS: Final = {
    "com.atproto.label.queryLabels": (Rule(300, MINUTE),),
    "com.atproto.moderation.createReport": (Rule(60, 5 * MINUTE),),
}
METHODS: Final = (
    com_atproto_label.methods,
    com_atproto_moderation.methods,
    internal_hearth_labeler.methods,
    internal_hearth_upkeep.methods,
)


def build_app(role: Labeler, settings: Settings) -> web.Application:
    """Make the application which serves the labeler's methods."""
    app = web.Application(client_max_size=MOST_BODY_BYTES)
    add_methods(
        app,
        role,
        METHODS,
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
        limits=Limits(role.clock.now, _policy(settings)),
    )
    told = metrics.of_report(partial(internal_hearth_upkeep.get_status, role, None))
    app.router.add_get(metrics.PATH, metrics.endpoint(role, told))
    close_on_shutdown(app, role.log)
    return app


def _policy(settings: Settings) -> Policy:
    return Policy(
        enabled=settings.limits.enabled,
        per_address=PER_ADDRESS,
        trusted_proxies=settings.network.trusted_proxies,
        bypass_addresses=settings.limits.bypass_addresses,
    )
