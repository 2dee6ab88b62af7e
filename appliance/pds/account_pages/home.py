"""The overview: whose account it is, how it stands, and what can be done."""

from typing import Final

from aiohttp import web

from appliance.pds.account_pages.profile import display_name
from appliance.pds.account_pages.visit import Visit

_DONE: Final = ("profile", "handle", "email", "appview")


async def show(visit: Visit) -> web.Response:
    pds, did = visit.pds, visit.did
    others = [pds.accounts.find(one.did) for one in visit.signed_in if one.did != did]
    return visit.page(
        "home",
        name=display_name(pds, did),
        steps=pds.factors.steps(did),
        devices=len(pds.devices.devices_of(did)) + len(pds.sessions.open(did)),
        others=[one for one in others if one is not None],
        wards=len(pds.guardians.wards_of(did)),
        is_ward=pds.guardians.ward(did) is not None,
        invites=pds.settings.pds.member_invites > 0,
        done=visit.query("done") if visit.query("done") in _DONE else "",
    )
