"""The page where a member agrees: who asks, what for, and what of it can be left out."""

from aiohttp import web

from appliance.pds.account_pages.asking import asking_of, hinted_account, leading_out
from appliance.pds.account_pages.visit import Visit
from appliance.pds.accounts import Account
from appliance.pds.oauth.consent import groups
from appliance.pds.oauth.errors import OAuthError
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.requests import PendingRequest


async def show(
    visit: Visit, request: PendingRequest, account: Account, another: str
) -> web.Response:
    """Ask. `another` is where to go on as somebody else. Raises InvalidScope."""
    permissions = Permissions.parse(request.asked.scope)
    sets = await visit.pds.permission_sets.describe(permissions)
    asked = groups(permissions, visit.desk.strings, sets)
    page = visit.page(
        "oauth/consent",
        name=await _name(visit, request.client_id),
        asking=asking_of(request),
        account=account,
        groups=asked,
        can_leave_out=any(line.is_optional for group in asked for line in group.lines),
        another="" if hinted_account(visit, request) else another,
    )
    return leading_out(visit, page)


def granted(visit: Visit, request: PendingRequest) -> Permissions:
    """What a form agrees to: what was asked for, without what was unticked. Raises InvalidScope."""
    permissions = Permissions.parse(request.asked.scope)
    ticked = visit.form.keys()
    lines = (line for group in groups(permissions, visit.desk.strings) for line in group.lines)
    return permissions.without(
        line.token for line in lines if line.is_optional and f"allow {line.token}" not in ticked
    )


async def _name(visit: Visit, client_id: str) -> str:
    """What an app calls itself, if the operator believes it."""
    auth = visit.pds.oauth.auth
    if client_id not in auth.trusted:
        return ""
    try:
        return (await auth.client(client_id)).name
    except OAuthError:
        return ""
