"""Whether others see this network; who is banned; what was not passed on."""

from aiohttp import web

from appliance.admin.network import Refused
from appliance.admin.visit import Visit
from appliance.atproto.xrpc.errors import UpstreamFailure


async def show(visit: Visit) -> web.Response:
    """Show what other relays know of this network, and the way to everything about hosts."""
    try:
        upstreams = await visit.panel.network.upstreams()
    except UpstreamFailure:
        return visit.page("network", upstreams=[], handles={}, away=True, chosen=True)
    troubled = dict.fromkeys(did for one in upstreams for did, _ in one.troubled)
    return visit.page(
        "network",
        upstreams=upstreams,
        handles=await visit.panel.people.handles(list(troubled)[:100]),
        away=False,
        chosen=bool(visit.settings.pds.relays),
    )


async def look(visit: Visit) -> web.Response:
    """Look now."""
    await visit.panel.network.look()
    return visit.go("/network")


async def show_bans(visit: Visit) -> web.Response:
    return await _bans(visit)


async def ban(visit: Visit) -> web.Response:
    """Ban a domain or an account by name."""
    name = visit.text("name").lower()
    try:
        await visit.panel.network.ban(name, visit.text("reason"))
    except Refused:
        return await _bans(visit, name=name, error=visit.words("bans.unfit"))
    return visit.go("/network/bans")


async def unban(visit: Visit) -> web.Response:
    try:
        await visit.panel.network.unban(visit.text("name"))
    except Refused as refused:
        return await _bans(visit, error=str(refused))
    return visit.go("/network/bans")


async def show_quarantine(visit: Visit) -> web.Response:
    return await _quarantine(visit)


async def judge_again(visit: Visit) -> web.Response:
    """Have a frame judged once more, and say what became of it."""
    try:
        verdict = await visit.panel.network.judge_again(_number(visit))
    except Refused as refused:
        return await _quarantine(visit, error=str(refused))
    said = "passed" if verdict.verdict.startswith("published") else "kept"
    reason = verdict.reason or verdict.verdict
    return await _quarantine(visit, said=visit.words(f"quarantine.{said}", reason=reason))


async def discard(visit: Visit) -> web.Response:
    try:
        await visit.panel.network.discard(_number(visit))
    except Refused as refused:
        return await _quarantine(visit, error=str(refused))
    return visit.go("/network/quarantine")


def _number(visit: Visit) -> int:
    text = visit.text("number")
    if not text.isdecimal() or len(text) > 15:
        visit.not_found()
    return int(text)


async def _bans(visit: Visit, *, name: str = "", error: str = "") -> web.Response:
    page = await visit.panel.network.bans(visit.query("cursor") or None)
    return visit.page("bans", status=422 if error else 200, page=page, name=name, error=error)


async def _quarantine(visit: Visit, *, said: str = "", error: str = "") -> web.Response:
    page = await visit.panel.network.quarantine(visit.query("cursor") or None)
    status = 422 if error else 200
    return visit.page("quarantine", status=status, page=page, said=said, error=error)
