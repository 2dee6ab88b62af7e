"""com.atproto.identity.*: the handles of those who live in paired houses."""

from appliance.atproto.syntax import Handle, Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.neighbours.role import Neighbours

methods: MethodTable[Neighbours] = MethodTable()


@methods.query("com.atproto.identity.resolveHandle")
async def resolve_handle(neighbours: Neighbours, *, handle: Handle) -> Json:
    return {"did": await neighbours.company.identities.did_for(handle)}
