"""internal.hearth.upkeep.*: how the AppView is doing."""

import hmac
from base64 import b64decode

from aiohttp import web

from appliance.appview.role import AppView
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import AuthRequired
from appliance.atproto.xrpc.methods import MethodTable
from appliance.upkeep.status import report

methods: MethodTable[AppView] = MethodTable()


async def operator(appview: AppView, request: web.Request) -> None:
    """Let the operator pass: HTTP Basic, admin and the operator token. Raises AuthRequired."""
    token = appview.operator_token()
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = b64decode(encoded, validate=True)
    except ValueError:
        raise AuthRequired from None
    right = token is not None and hmac.compare_digest(given, f"admin:{token}".encode())
    if scheme.lower() != "basic" or not right:
        raise AuthRequired


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(appview: AppView, caller: None) -> Json:
    return report("appview", appview.workers.status(), await appview.counts())
