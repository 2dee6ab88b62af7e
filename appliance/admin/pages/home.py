"""How everything is doing."""

from aiohttp import web

from appliance.admin.visit import Visit
from appliance.atproto.xrpc.errors import XrpcError


async def show(visit: Visit) -> web.Response:
    """Show the state of everything; the part that changes is fetched again by the script."""
    return visit.page(
        "home",
        picture=await visit.panel.overview.look(),
        setup_done=visit.panel.owner.owner.setup_done,
        pds_url=visit.settings.pds.url,
        reports=await _open_reports(visit),
    )


async def _open_reports(visit: Visit) -> int:
    """How many reports wait; none where the PDS does not answer, which the page says anyway."""
    try:
        return await visit.panel.reports.count_open()
    except XrpcError:
        return 0


async def live(visit: Visit) -> web.Response:
    """Answer with the changing part alone."""
    return visit.page("live", picture=await visit.panel.overview.look())
