"""Other hosts: which the relay follows, which wait to be followed."""

from aiohttp import web

from appliance.admin.hosts import RelayAway
from appliance.admin.visit import Visit


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def approve(visit: Visit) -> web.Response:
    """Follow a host from now on."""
    return await _answer(visit, await visit.panel.hosts.approve(visit.text("hostname")))


async def ban(visit: Visit) -> web.Response:
    """Follow a host no more."""
    return await _answer(visit, await visit.panel.hosts.ban(visit.text("hostname")))


async def lift(visit: Visit) -> web.Response:
    """Let a host ask again."""
    return await _answer(visit, await visit.panel.hosts.lift(visit.text("hostname")))


async def _answer(visit: Visit, done: bool) -> web.Response:
    if done:
        return visit.go("/hosts")
    return await _page(visit, error=visit.words("hosts.refused", host=visit.text("hostname")))


async def _page(visit: Visit, *, error: str = "") -> web.Response:
    try:
        hosts, cursor = await visit.panel.hosts.page(visit.query("cursor") or None)
    except RelayAway:
        return visit.page("hosts", hosts=[], cursor=None, error="", away=True)
    status = 422 if error else 200
    return visit.page("hosts", status=status, hosts=hosts, cursor=cursor, error=error, away=False)
