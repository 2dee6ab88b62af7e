"""app.bsky.labeler.*: the labelers we know."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.role import AppView
from appliance.appview.skeletons import collections
from appliance.appview.views import lists
from appliance.appview.xrpc.auth import everyone
from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.labeler.getServices", auth=everyone)
async def get_services(
    appview: AppView, audience: Audience, *, dids: list[Did], detailed: bool
) -> Json:
    """Describe labelers; those we do not know are left out."""
    known = collections.labelers(appview.pipeline.index, dids)
    h = appview.pipeline.hydrate.collections(audience, list(known.values()))
    name = "labelerViewDetailed" if detailed else "labelerView"
    views = (
        lists.labeler(h, known[did], is_detailed=detailed)
        for did in dict.fromkeys(dids)
        if did in known
    )
    return {"views": [{"$type": f"app.bsky.labeler.defs#{name}", **view} for view in views if view]}
