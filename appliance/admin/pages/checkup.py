"""The doctor's page: what is well, what is not, what to do about it; and "look again"."""

from typing import Final

from aiohttp import web

from appliance.admin.visit import Visit
from appliance.upkeep.address_journal import CAUSE as UNTOLD
from appliance.upkeep.https_checks import CLOSED, FAILED

# While somebody looks, the browser asks again after so many seconds, with or without script.
SECONDS: Final = "2"
# What is tried again by itself, later and later, or at once when its owner says so.
TRIED_AGAIN: Final = frozenset({CLOSED, FAILED, UNTOLD})
# What may be had again, byte for byte.
MENDED: Final = frozenset({"record-damaged", "blob-damaged"})


async def show(visit: Visit) -> web.Response:
    looked = await visit.panel.checkup.look()
    waits = any(one.cause in TRIED_AGAIN for one in looked.troubles)
    damaged = any(one.cause in MENDED for one in looked.troubles)
    response = visit.page("checkup", looked=looked, waits=waits, damaged=damaged)
    if looked.step:
        response.headers["Refresh"] = SECONDS
    return response


async def again(visit: Visit) -> web.Response:
    """Have what failed and waits tried at once, and look what comes of it."""
    await visit.panel.checkup.try_again()
    await visit.panel.checkup.begin()
    return visit.go("/checkup")


async def mend(visit: Visit) -> web.Response:
    """Begin to mend what is damaged; the page tells how far it is."""
    await visit.panel.checkup.mend()
    return visit.go("/checkup")


async def look(visit: Visit) -> web.Response:
    """Begin to look; the page tells how far it is."""
    await visit.panel.checkup.begin()
    return visit.go("/checkup")
