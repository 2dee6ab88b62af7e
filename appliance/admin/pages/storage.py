"""What fills the disk: by kind, by person, and where it leads."""

import asyncio
import shutil

from aiohttp import web

from appliance.admin.figures import MONTH, SEASON, forecast
from appliance.admin.visit import Visit
from appliance.atproto.xrpc.errors import XrpcError
from appliance.upkeep.checkup import HARDLY_ANY_SPACE, LITTLE_SPACE


async def show(visit: Visit) -> web.Response:
    figures = visit.panel.figures
    days = await figures.days(SEASON)
    try:
        shares = await figures.shares()
    except XrpcError:
        shares = []
    disk = await asyncio.to_thread(shutil.disk_usage, visit.settings.paths.data)
    return visit.page(
        "storage",
        kinds=days.kinds,
        used=sum(size for _, size in days.kinds),
        free=disk.free,
        total=disk.total,
        history=days.used[-MONTH:],
        forecast=forecast(days),
        shares=shares,
        network_did=await visit.panel.people.network_did(),
        little=LITTLE_SPACE,
        hardly_any=HARDLY_ANY_SPACE,
    )
