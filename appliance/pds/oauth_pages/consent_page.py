"""The page where a member agrees: who asks, what for, and what of it can be left out."""

from aiohttp import web

from appliance.pds.account_pages.asking import asking_of
from appliance.pds.account_pages.visit import Visit
from appliance.pds.accounts import Account
from appliance.pds.oauth.permissions import ATPROTO, Permissions
from appliance.pds.oauth.requests import PendingRequest
from appliance.pds.oauth_pages.returning import leading_out


async def show(
    visit: Visit, request: PendingRequest, account: Account, another: str
) -> web.Response:
    """Ask. `another` is where another account signs in. Raises InvalidScope."""
    permissions = Permissions.parse(request.asked.scope)
    page = visit.page(
        "oauth/consent",
        asking=asking_of(request),
        account=account,
        choices=[token for token in permissions.tokens if token != ATPROTO],
        another=another,
    )
    return leading_out(visit, page)


async def granted(visit: Visit, request: PendingRequest) -> Permissions:
    """What a form agrees to: what was asked for, without what was unticked. Raises InvalidScope."""
    permissions = Permissions.parse(request.asked.scope)
    choices = [token for token in permissions.tokens if token != ATPROTO]
    return permissions.without(
        token for number, token in enumerate(choices) if not visit.text(f"allow_{number}")
    )
