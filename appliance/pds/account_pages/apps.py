"""App passwords, the apps that are signed in, and the browsers an account is signed in in."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from appliance.pds.account_pages.agents import named
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.app_passwords import AppPasswordExists
from appliance.pds.oauth.client_ids import is_local
from appliance.pds.oauth.consent import Group, groups
from appliance.pds.oauth.grants import Grant
from appliance.pds.oauth.permissions import Permissions

LONGEST_NAME: Final = 100


async def show(visit: Visit) -> web.Response:
    return _page(visit)


async def create(visit: Visit) -> web.Response:
    """Make an app password, shown this once."""
    name = visit.text("name")
    if not 0 < len(name) <= LONGEST_NAME:
        return _page(visit, name=name, error=visit.words("apps.no_name", most=LONGEST_NAME))
    privileged = visit.text("privileged") == "yes"
    try:
        _, secret = await visit.pds.app_passwords.create(visit.did, name, privileged)
    except AppPasswordExists:
        return _page(visit, name=name, error=visit.words("apps.exists"))
    return _page(visit, made=(name, secret))


async def revoke(visit: Visit) -> web.Response:
    """Forget an app password; the app that has it is signed out."""
    await visit.pds.sessions.revoke_app_password(visit.did, visit.secret("name"))
    return visit.go(f"{HOME}/apps")


async def end_app(visit: Visit) -> web.Response:
    """Sign an app out."""
    await visit.pds.sessions.end_open(visit.did, visit.text("session"))
    return visit.go(f"{HOME}/apps")


async def end_grant(visit: Visit) -> web.Response:
    """Shut an app out that came by OAuth, at once."""
    await visit.pds.oauth.grants.end(visit.text("grant"), visit.did)
    return visit.go(f"{HOME}/apps")


async def end_device(visit: Visit) -> web.Response:
    """Sign the account out of another browser, or of this one."""
    await visit.pds.devices.end(visit.text("device"), visit.did)
    return visit.go(f"{HOME}/apps")


@dataclass(frozen=True)
class _Connected:
    """An app that came by OAuth: where it is from, and what it may do, in words."""

    grant: Grant
    origin: str
    groups: list[Group]


def origin_of(visit: Visit, client_id: str) -> str:
    """Say where an app is from: by its address, whatever it calls itself."""
    return visit.words("authorize.local") if is_local(client_id) else urlsplit(client_id).netloc


def _connected(visit: Visit, grant: Grant) -> _Connected:
    origin = origin_of(visit, grant.client_id)
    permissions = Permissions.parse(grant.scope)
    return _Connected(grant, origin, groups(permissions, visit.desk.strings))


def _page(
    visit: Visit, *, name: str = "", error: str = "", made: tuple[str, str] | None = None
) -> web.Response:
    return visit.page(
        "apps",
        status=422 if error else 200,
        app_passwords=visit.pds.app_passwords.list(visit.did),
        sessions=visit.pds.sessions.open(visit.did),
        connected=[_connected(visit, one) for one in visit.pds.oauth.grants.of_account(visit.did)],
        devices=visit.pds.devices.devices_of(visit.did),
        this_device=visit.at.device if visit.at else "",
        agent=lambda agent: named(agent, visit.desk.strings),
        name=name,
        error=error,
        made=made,
    )
