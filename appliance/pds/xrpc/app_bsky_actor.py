"""app.bsky.actor.*: preferences, the one app.bsky duty of a PDS.

A caller may ask another service for the preferences it keeps, by `atproto-proxy`.
"""

from aiohttp import web

from appliance.atproto.syntax import Json, JsonObject, Nsid
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, account_any
from appliance.pds.xrpc.fallback import forward

methods: MethodTable[Pds] = MethodTable()

_GET = Nsid.unchecked("app.bsky.actor.getPreferences")


@methods.query("app.bsky.actor.getPreferences", auth=account_any)
async def get_preferences(
    pds: Pds, caller: Caller, *, request: web.Request
) -> Json | web.StreamResponse:
    service = request.headers.get("atproto-proxy")
    if service and not pds.proxy.names_us(service, pds.appview_choices.of(caller.did)):
        return await forward(pds, request, _GET)
    personal = caller.kind == "full"
    return {"preferences": pds.preferences.get(caller.did, personal=personal)}


@methods.procedure("app.bsky.actor.putPreferences", auth=account)
async def put_preferences(pds: Pds, caller: Caller, *, preferences: list[JsonObject]) -> None:
    await pds.preferences.put(caller.did, preferences, personal=caller.kind == "full")
