"""One member, and what can be done for or against them."""

from typing import Final
from urllib.parse import quote

from aiohttp import web

from appliance.admin.people import NoSuchPerson, Person
from appliance.admin.visit import Visit

MOST_DAYS: Final = 3650


async def show(visit: Visit) -> web.Response:
    return await _page(visit, await _person(visit))


async def export(visit: Visit) -> web.StreamResponse:
    """Hand over what the member has published, before it is taken down or deleted."""
    person = await _person(visit)
    name = f"{person.handle}-{visit.today}.zip"
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    method = "internal.hearth.pds.exportAccount"
    async with visit.panel.roles.download(method, did=person.did) as file:
        await visit.panel.acts.note(method, {"did": person.did})
        response = web.StreamResponse(headers=headers)
        await response.prepare(visit.request)
        async for piece in file.content.iter_any():
            await response.write(piece)
    await response.write_eof()
    return response


async def reset_password(visit: Visit) -> web.Response:
    """Make a new password and show it, this once."""
    person = await _person(visit)
    return await _page(visit, person, password=await visit.panel.people.reset_password(person.did))


async def remove_second_steps(visit: Visit) -> web.Response:
    """Ask first: what is removed has to be set up anew, by its owner."""
    person = await _person(visit)
    if visit.text("sure") != "yes":
        return await _page(visit, person, ask_steps=True)
    await visit.panel.people.remove_second_steps(person.did)
    return await _page(visit, person, steps_removed=True)


async def take_down(visit: Visit) -> web.Response:
    return await _set_takedown(visit, applied=True)


async def restore(visit: Visit) -> web.Response:
    return await _set_takedown(visit, applied=False)


async def delete(visit: Visit) -> web.Response:
    """Delete the account, if its handle was typed."""
    person = await _person(visit)
    typed = visit.text("confirm").removeprefix("@").lower()
    if typed != person.handle:
        error = visit.words("person.delete_mismatch", handle=person.handle)
        return await _page(visit, person, error=error, typed=visit.text("confirm"))
    await visit.panel.people.delete(person.did)
    return visit.go("/people?done=deleted")


async def _set_takedown(visit: Visit, *, applied: bool) -> web.Response:
    person = await _person(visit)
    reason, days = " ".join(visit.text("reason").split()), visit.text("days")
    if applied and days:
        if not (days.isdecimal() and days.isascii() and 0 < int(days) <= MOST_DAYS):
            error = visit.words("person.days_wrong", count=MOST_DAYS)
            return await _page(visit, person, why=reason, days=days, days_error=error)
        await visit.panel.people.suspend(person.did, int(days), reason)
    else:
        await visit.panel.people.set_takedown(person.did, applied=applied, reason=reason)
    done = "down" if applied else "restored"
    return visit.go(f"/people/{quote(person.did, safe='')}?done={done}#takedown")


async def _person(visit: Visit) -> Person:
    try:
        return await visit.panel.people.get(visit.place("did"))
    except NoSuchPerson:
        visit.not_found()


async def _page(
    visit: Visit,
    person: Person,
    *,
    password: str = "",
    error: str = "",
    typed: str = "",
    steps_removed: bool = False,
    ask_steps: bool = False,
    why: str = "",
    days: str = "",
    days_error: str = "",
) -> web.Response:
    by = person.invited_by
    handles = await visit.panel.people.handles([by]) if by.startswith("did:") else {}
    wards = await visit.panel.wards.all()
    return visit.page(
        "person",
        status=422 if error or days_error else 200,
        person=person,
        ward=next((one for one in wards if one.did == person.did), None),
        wards=[one for one in wards if one.guardian_did == person.did],
        done=visit.query("done"),
        handed_over=visit.query("done") == "handed-over",
        inviter=handles.get(by, ""),
        password=password,
        error=error,
        typed=typed,
        steps_removed=steps_removed,
        ask_steps=ask_steps,
        why=why,
        days=days,
        days_error=days_error,
    )
