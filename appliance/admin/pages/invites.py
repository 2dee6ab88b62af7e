"""Links that let people join: made with an end and a number of uses, shown once with a QR code."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from appliance.admin.visit import Visit
from appliance.base.drawings import qr_code

MOST_USES: Final = 1000
LONGEST_NOTE: Final = 100
# Days that an invite stays open, as offered; 0 for no end.
ENDS: Final = (1, 7, 30, 0)
USUAL_END: Final = 7


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def create(visit: Visit) -> web.Response:
    """Make a link and show it, with a picture for phones and a text to send along."""
    uses, days = _number(visit.text("uses") or "1"), _number(visit.text("days") or "0")
    note = " ".join(visit.text("note").split())
    if not 1 <= uses <= MOST_USES:
        return await _page(visit, error=("uses", visit.words("invites.bad_uses", most=MOST_USES)))
    if days not in ENDS:
        return await _page(visit, error=("days", visit.words("invites.bad_days")))
    if len(note) > LONGEST_NOTE:
        return await _page(visit, error=("note", visit.words("invites.bad_note")))
    return await _page(visit, await visit.panel.people.invite_by_link(uses, days or None, note))


async def disable(visit: Visit) -> web.Response:
    await visit.panel.people.disable_invite(visit.text("code"))
    return visit.go("/invites")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1


async def _page(
    visit: Visit, made: Mapping[str, Any] | None = None, error: tuple[str, str] | None = None
) -> web.Response:
    people = visit.panel.people
    page = await people.invites(visit.query("cursor") or None)
    named = [use["did"] for one in page.items for use in one["usedBy"]]
    named += [one["madeBy"] for one in page.items if one["madeBy"].startswith("did:")]
    return visit.page(
        "invites",
        status=422 if error else 200,
        page=page,
        handles=await people.handles(list(dict.fromkeys(named))[:100]),
        terms=await people.terms(),
        made=made,
        qr=qr_code(made["url"]) if made else "",
        ends=ENDS,
        end=USUAL_END,
        values={} if made else {name: visit.text(name) for name in ("uses", "note", "days")},
        errors=dict([error]) if error else {},
    )
