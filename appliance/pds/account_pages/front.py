"""The front page, and pages of members and posts that are read without an account.

The front page shows only members who agreed to it; the other pages are there only where the owner
allows them, and for those members alone.
"""

from typing import Any, Final

from aiohttp import web

from appliance.atproto.syntax import Handle, InvalidSyntax
from appliance.pds.account_pages.join import client_url
from appliance.pds.account_pages.visit import Visit
from appliance.pds.front_page import Resident

PEOPLE: Final = "/people/"
NOTES_OF_ONE: Final = 20
LONGEST_DESCRIPTION: Final = 200


async def show(visit: Visit) -> web.Response:
    """The network's name, who is here, what they wrote last, the rules, how to join."""
    front = await visit.pds.front_page.look()
    return visit.page(
        "front/home",
        front=front,
        rules=visit.pds.house_texts.get("rules"),
        welcome=visit.pds.house_texts.get("welcome"),
        invited=visit.pds.joining.terms.invites_required,
        provider=visit.pds.site.url,
        client=client_url(visit),
        **_common(visit),
    )


async def show_person(visit: Visit) -> web.Response:
    """A member's page."""
    one = _resident(visit)
    return visit.page(
        "front/person",
        one=one,
        notes=visit.pds.front_page.notes(one, NOTES_OF_ONE),
        url=f"{visit.pds.site.url}{PEOPLE}{one.handle}",
        description=one.about[:LONGEST_DESCRIPTION],
        **_common(visit),
    )


async def show_note(visit: Visit) -> web.Response:
    """One post."""
    one = _resident(visit)
    note = visit.pds.front_page.note(one, visit.request.match_info["rkey"])
    if note is None:
        visit.not_found()
    return visit.page(
        "front/note",
        one=one,
        note=note,
        url=f"{visit.pds.site.url}{PEOPLE}{one.handle}/{note.rkey}",
        description=note.text[:LONGEST_DESCRIPTION],
        **_common(visit),
    )


def _resident(visit: Visit) -> Resident:
    """The member whose page it is. Raises HTTPNotFound: also where the owner allows no pages."""
    if not visit.pds.settings.look.member_pages:
        visit.not_found()
    try:
        account = visit.pds.accounts.find(Handle(visit.request.match_info["handle"]))
    except InvalidSyntax:
        account = None
    one = visit.pds.front_page.resident(account.did) if account is not None else None
    if one is None:
        visit.not_found()
    return one


def _common(visit: Visit) -> dict[str, Any]:
    return {"site_url": visit.pds.site.url, "pages": visit.pds.settings.look.member_pages}
