"""Where the authorization server is found."""

from typing import Final

from aiohttp import web

from appliance.pds.account_pages.door import Door, Table
from appliance.pds.oauth import metadata
from appliance.pds.oauth_pages import authorize
from appliance.pds.oauth_pages.endpoints import Endpoints
from appliance.pds.role import Pds

PAGES: Final[Table] = {
    ("GET", metadata.AUTHORIZE): authorize.show,
    ("POST", metadata.AUTHORIZE): authorize.decide,
    ("POST", "/oauth/choose"): authorize.choose,
}


def add_authorization(app: web.Application, pds: Pds, door: Door) -> None:
    """Mount what apps call, and the pages where members decide."""
    endpoints = Endpoints(pds)
    router = app.router
    router.add_get("/.well-known/oauth-authorization-server", endpoints.server_document)
    router.add_get("/.well-known/oauth-protected-resource", endpoints.resource_document)
    router.add_post(metadata.PAR, endpoints.push)
    router.add_post(metadata.TOKEN, endpoints.token)
    router.add_post(metadata.REVOKE, endpoints.revoke)
    for (verb, path), page in PAGES.items():
        router.add_route(verb, path, door.serve(page, "nothing"))
