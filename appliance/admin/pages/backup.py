"""Copies of everything: where, when, how large, brought back when; make one, try one, their key."""

from typing import Final

from aiohttp import web

from appliance.admin.session import WrongPassword
from appliance.admin.visit import Visit
from appliance.base.throttle import TooManyTries
from appliance.upkeep.backup_key import KEY_FILE, key_of

# While one is made, the browser asks again after so many seconds, with or without script.
SECONDS: Final = "2"


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def ask(visit: Visit) -> web.Response:
    """Have a copy made, or the newest tried; the page tells how far it is."""
    await visit.panel.backups.ask("prove" if visit.text("what") == "prove" else "now")
    return visit.go("/backup")


async def show_key(visit: Visit) -> web.Response:
    """Show the key to who types the panel's password once more."""
    try:
        await visit.panel.sessions.prove(visit.secret("password"), visit.address)
    except TooManyTries as stop:
        return await _page(visit, error=visit.words("errors.tries", count=stop.wait))
    except WrongPassword:
        return await _page(visit, error=visit.words("sign_in.wrong"))
    await visit.panel.acts.note("panel.showBackupKey", {"address": visit.address})
    return await _page(visit, key=key_of(visit.settings.paths.secret(KEY_FILE)))


async def _page(visit: Visit, *, key: str = "", error: str = "") -> web.Response:
    state = await visit.panel.backups.state()
    status = 422 if error else 200
    response = visit.page("backup", status=status, state=state, key=key, error=error)
    if (state["asked"] or "course" in state) and not (key or error):
        response.headers["Refresh"] = SECONDS
    return response
