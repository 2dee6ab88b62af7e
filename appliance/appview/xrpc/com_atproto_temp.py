"""com.atproto.temp.*: what older programs still ask for."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.hydrate.labels import labels_since
from appliance.appview.role import AppView
from appliance.appview.views.values import fragment
from appliance.appview.xrpc.auth import everyone
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("com.atproto.temp.fetchLabels", auth=everyone)
async def fetch_labels(
    appview: AppView, audience: Audience, *, since: int | None, limit: int
) -> Json:
    """Give what the caller's labelers said after a time in milliseconds, the oldest first."""
    sources = [labeler.did for labeler in audience.labelers]
    found = labels_since(appview.pipeline.index, sources, max(since or 0, 0), limit)
    return {"labels": [fragment(label) for label in found]}
