"""How everything is doing."""

from aiohttp import web

from appliance.admin.visit import Visit


async def show(visit: Visit) -> web.Response:
    """Show the state of everything; the part that changes is fetched again by the script."""
    return visit.page(
        "home",
        picture=await visit.panel.overview.look(),
        setup_done=visit.panel.owner.owner.setup_done,
        pds_url=visit.settings.pds.url,
    )


async def live(visit: Visit) -> web.Response:
    """Answer with the changing part alone."""
    return visit.page("live", picture=await visit.panel.overview.look())
