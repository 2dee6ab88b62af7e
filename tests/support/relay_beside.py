"""A relay beside the panel and the PDS of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from appliance.base.clock import Clock
from appliance.base.http import HttpClient, OutboundPolicy
from appliance.base.workers import Workers
from appliance.relay.app import build_app
from appliance.relay.role import Relay, open_relay
from tests.support.panel_house import House


@asynccontextmanager
async def relay_beside(house: House) -> AsyncIterator[Relay]:
    """Open the relay of the house on its socket."""
    settings = house.settings.with_values({"relay.open": False})
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        Workers() as workers,
        open_relay(settings, http, workers, Clock(), house.box.pds.validator) as relay,
    ):
        runner = web.AppRunner(build_app(relay, settings), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.UnixSite(runner, str(settings.paths.socket("relay"))).start()
            yield relay
        finally:
            await runner.cleanup()
