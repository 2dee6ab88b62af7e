"""app.bsky.actor.*: preferences, the one app.bsky duty of a PDS."""

from appliance.atproto.syntax import Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, account_any

methods: MethodTable[Pds] = MethodTable()


@methods.query("app.bsky.actor.getPreferences", auth=account_any)
async def get_preferences(pds: Pds, caller: Caller) -> Json:
    personal = caller.kind == "full"
    return {"preferences": pds.preferences.get(caller.did, personal=personal)}


@methods.procedure("app.bsky.actor.putPreferences", auth=account)
async def put_preferences(pds: Pds, caller: Caller, *, preferences: list[JsonObject]) -> None:
    await pds.preferences.put(caller.did, preferences, personal=caller.kind == "full")
