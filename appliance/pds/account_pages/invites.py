"""A member's own invites: a link for a friend, as many as the owner allows."""

from typing import Final

from aiohttp import web

from appliance.base.drawings import qr_code
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.invites import InviteCode, TooManyInvites

WEEK_US: Final = 7 * 86_400_000_000
JOIN: Final = "/join/"


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def create(visit: Visit) -> web.Response:
    """Make a link for one person, open for a week."""
    most = visit.pds.settings.pds.member_invites
    end = visit.pds.clock.now_us() + WEEK_US
    try:
        made = await visit.pds.invites.invite_as_member(visit.did, most, end)
    except TooManyInvites:
        return await _page(visit, error=visit.words("my_invites.enough"))
    return await _page(visit, made=made)


async def close(visit: Visit) -> web.Response:
    """Let nobody come in by one of the member's own links any more."""
    code = visit.text("code")
    own = [one.code for one in await visit.pds.invites.of_account(visit.did)]
    if code not in own:
        visit.not_found()
    await visit.pds.invites.disable([code], [])
    return visit.go(f"{HOME}/invites")


async def _page(visit: Visit, made: InviteCode | None = None, error: str = "") -> web.Response:
    most = visit.pds.settings.pds.member_invites
    if not most:
        visit.not_found()
    now = visit.pds.clock.now_us()
    codes = sorted(await visit.pds.invites.of_account(visit.did), key=lambda one: -one.created_at)
    guests = {use.used_by for one in codes for use in one.uses}
    found = [visit.pds.accounts.find(did) for did in guests]
    url = f"{visit.pds.site.url}{JOIN}"
    return visit.page(
        "invites",
        status=422 if error else 200,
        made=f"{url}{made.code}" if made else "",
        qr=qr_code(f"{url}{made.code}") if made else "",
        open=[one for one in codes if one.is_open(now) and (made is None or one != made)],
        guests=[account for account in found if account is not None],
        url=url,
        most=most,
        may=await visit.pds.invites.may_invite(visit.did, most),
        error=error,
    )
