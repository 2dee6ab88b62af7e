"""app.bsky.actor.*: preferences, the one app.bsky duty of a PDS.

A caller may ask another service for the preferences it keeps, by `atproto-proxy`. The official
client names Bluesky's AppView with every call and means whoever keeps them: that is here.
"""

from aiohttp import web

from appliance.atproto.syntax import Json, JsonObject, Nsid
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.appview_choices import AppViewChoice
from appliance.pds.proxy import BLUESKY
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, account_any, looked_at_inside
from appliance.pds.xrpc.fallback import forward

methods: MethodTable[Pds] = MethodTable()

_GET = Nsid.unchecked("app.bsky.actor.getPreferences")
_BY_HABIT = frozenset({f"{BLUESKY}#bsky_appview", f"{BLUESKY}#bsky_notif"})
_PUT = Nsid.unchecked("app.bsky.actor.putPreferences")


@methods.query("app.bsky.actor.getPreferences", auth=account_any.for_apps(looked_at_inside))
async def get_preferences(
    pds: Pds, caller: Caller, *, request: web.Request
) -> Json | web.StreamResponse:
    service = request.headers.get("atproto-proxy")
    choice = pds.appview_choices.of(caller.did)
    if _is_elsewhere(pds, caller, service, choice):
        return await forward(pds, request, _GET)
    caller.require_call(_GET, pds.proxy.names(service or None, choice))
    personal = caller.kind == "full"
    return {"preferences": pds.preferences.get(caller.did, personal=personal)}


def _is_elsewhere(pds: Pds, caller: Caller, service: str | None, choice: AppViewChoice) -> bool:
    """Tell whether others are asked; never for who is looked after: what is fixed is fixed here."""
    if not service or service in _BY_HABIT or pds.guardians.ward(caller.did) is not None:
        return False
    return not pds.proxy.names_us(service, choice)


@methods.procedure("app.bsky.actor.putPreferences", auth=account.for_apps(looked_at_inside))
async def put_preferences(pds: Pds, caller: Caller, *, preferences: list[JsonObject]) -> None:
    caller.require_call(_PUT, pds.proxy.names(None, pds.appview_choices.of(caller.did)))
    await pds.preferences.put(caller.did, preferences, personal=caller.kind == "full")
