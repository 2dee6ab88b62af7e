"""Letters to members: with no mail server set, the owner hands them over."""

from aiohttp import web

from appliance.admin.visit import Visit


async def show(visit: Visit) -> web.Response:
    people = visit.panel.people
    page = await people.mail(visit.query("cursor") or None)
    dids = list(dict.fromkeys(mail["did"] for mail in page.items))
    return visit.page(
        "mail",
        page=page,
        handles=await people.handles(dids),
        sends=bool(visit.settings.smtp.url or visit.settings.smtp.host),
    )
