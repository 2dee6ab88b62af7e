"""com.atproto.identity.*: whose handle is this."""

from appliance.appview.hydrate import ids
from appliance.appview.hydrate.hydration import Audience
from appliance.appview.role import AppView
from appliance.appview.xrpc.auth import everyone
from appliance.atproto.syntax import Handle, Json
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("com.atproto.identity.resolveHandle", auth=everyone)
async def resolve_handle(appview: AppView, audience: Audience, *, handle: Handle) -> Json:
    """Give the DID of a handle: of an account we know, else as the network says."""
    actor_id = ids.actor_id(appview.pipeline.index, handle)
    if actor_id is not None:
        row = appview.pipeline.hydrate.bare(actor_id).actor(actor_id)
        if row is not None:
            return {"did": row.did}
    return {"did": await appview.resolver.did_for(handle)}
