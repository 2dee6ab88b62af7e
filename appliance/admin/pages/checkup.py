"""The doctor's page: what is well, what is not, what to do about it; and "look again"."""

from typing import Final

from aiohttp import web

from appliance.admin.visit import Visit

# While somebody looks, the browser asks again after so many seconds, with or without script.
SECONDS: Final = "2"


async def show(visit: Visit) -> web.Response:
    looked = await visit.panel.checkup.look()
    response = visit.page("checkup", looked=looked)
    if looked.step:
        response.headers["Refresh"] = SECONDS
    return response


async def look(visit: Visit) -> web.Response:
    """Begin to look; the page tells how far it is."""
    await visit.panel.checkup.begin()
    return visit.go("/checkup")
