"""The neighbours' application for our own roles, and for the operator; on a socket alone.

To our other roles it is a directory of those who live in paired houses.
"""

from typing import Final

from aiohttp import web

from appliance.atproto.data import dumps
from appliance.atproto.identity.errors import IdentityUnreachable
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.server import add_methods
from appliance.neighbours.identities import NotAMember
from appliance.neighbours.role import Neighbours
from appliance.neighbours.xrpc import (
    com_atproto_identity,
    internal_hearth_neighbours,
    internal_hearth_upkeep,
)
from appliance.settings import Settings

MOST_BODY_BYTES: Final = 100_000
_ROLE: Final = web.AppKey("neighbours", Neighbours)


def build_app(role: Neighbours, settings: Settings) -> web.Application:
    """Make the application: methods under /xrpc/, and identities as a directory gives them."""
    app = web.Application(client_max_size=MOST_BODY_BYTES)
    app[_ROLE] = role
    add_methods(
        app,
        role,
        [
            com_atproto_identity.methods,
            internal_hearth_neighbours.methods,
            internal_hearth_upkeep.methods,
        ],
        validator=role.validator,
        validate_outputs=settings.dev.validate_outputs,
    )
    app.router.add_get("/{did:did:[^/]+}", document)
    app.router.add_get("/{did:did:[^/]+}/log/audit", audit_log)
    return app


async def document(request: web.Request) -> web.Response:
    try:
        found = await request.app[_ROLE].company.identities.document(request.match_info["did"])
    except NotAMember as error:
        return _json({"message": str(error)}, 404)
    except IdentityUnreachable as error:
        return _json({"message": str(error)}, 503)
    return _json(found)


async def audit_log(request: web.Request) -> web.Response:
    try:
        found = await request.app[_ROLE].company.identities.log(request.match_info["did"])
    except NotAMember as error:
        return _json({"message": str(error)}, 404)
    return _json(list(found))


def _json(value: Json, status: int = 200) -> web.Response:
    return web.Response(body=dumps(value), content_type="application/json", status=status)
