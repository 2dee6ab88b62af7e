"""Other roles beside the panel and the PDS of a test, each on its socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from aiohttp import web

from appliance.appview import app as appview_app
from appliance.appview.role import AppView, open_appview
from appliance.base.addresses import OutboundPolicy
from appliance.base.clock import Clock
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.labeler import app as labeler_app
from appliance.labeler.role import Labeler, open_labeler
from appliance.relay import app as relay_app
from appliance.relay.role import Relay, open_relay
from appliance.settings import Settings
from tests.support.panel_house import House

Role = TypeVar("Role")


def relay_beside(house: House) -> AbstractAsyncContextManager[Relay]:
    return _beside(house, "relay", open_relay, relay_app.build_app)


def appview_beside(house: House) -> AbstractAsyncContextManager[AppView]:
    return _beside(house, "appview", open_appview, appview_app.build_app)


def labeler_beside(house: House) -> AbstractAsyncContextManager[Labeler]:
    return _beside(house, "labeler", open_labeler, labeler_app.build_app)


@asynccontextmanager
async def _beside(
    house: House,
    name: str,
    opened: Callable[..., AbstractAsyncContextManager[Role]],
    build_app: Callable[[Role, Settings], web.Application],
) -> AsyncIterator[Role]:
    settings = house.settings.with_values({"relay.open": False})
    ground: Any = (Clock(), house.box.pds.validator)
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        Workers() as workers,
        opened(settings, http, workers, *ground) as role,
    ):
        runner = web.AppRunner(build_app(role, settings), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.UnixSite(runner, str(settings.paths.socket(name))).start()
            yield role
        finally:
            await runner.cleanup()
