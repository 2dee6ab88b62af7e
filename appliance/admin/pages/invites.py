"""Codes that let people join."""

from typing import Final

from aiohttp import web

from appliance.admin.visit import Visit

MOST_USES: Final = 1000


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def create(visit: Visit) -> web.Response:
    """Make a code and show it with a text to send along."""
    typed = visit.text("uses") or "1"
    uses = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 0
    if not 1 <= uses <= MOST_USES:
        error = visit.words("invites.bad_uses", most=MOST_USES)
        return await _page(visit, uses=typed, error=error)
    return await _page(visit, made=await visit.panel.people.invite(uses))


async def disable(visit: Visit) -> web.Response:
    await visit.panel.people.disable_invite(visit.text("code"))
    return visit.go("/invites")


async def _page(visit: Visit, *, made: str = "", uses: str = "1", error: str = "") -> web.Response:
    people = visit.panel.people
    page = await people.invites(visit.query("cursor") or None)
    used_by = [use["usedBy"] for code in page.items for use in code["uses"]]
    return visit.page(
        "invites",
        status=422 if error else 200,
        page=page,
        handles=await people.handles(list(dict.fromkeys(used_by))[:100]),
        terms=await people.terms(),
        made=made,
        uses=uses,
        error=error,
        pds_url=visit.settings.pds.url,
    )
