"""New releases: which there is, what it changes, install it, wait with it."""

from aiohttp import web

from appliance.admin.visit import Visit


async def show(visit: Visit) -> web.Response:
    state = await visit.panel.updates.state()
    return visit.page("updates", state=state, done=visit.query("done"))


async def ask(visit: Visit) -> web.Response:
    """Look now, or install now; the page tells how far it is."""
    what = "install" if visit.text("what") == "install" else "check"
    await visit.panel.updates.ask(what)
    return visit.go(f"/updates?done={what}")


async def hold(visit: Visit) -> web.Response:
    """Wait with new releases, or no longer."""
    await visit.panel.updates.hold(None if visit.text("hold") == "on" else 0)
    return visit.go("/updates")
