"""com.atproto.label.*: the labels we know."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.hydrate.labels import labels_on
from appliance.appview.role import AppView
from appliance.appview.views.values import fragment
from appliance.appview.xrpc.auth import everyone
from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("com.atproto.label.queryLabels", auth=everyone)
async def query_labels(
    appview: AppView,
    audience: Audience,
    *,
    uri_patterns: list[str],
    sources: list[Did] | None,
    limit: int,
    cursor: str | None,
) -> Json:
    """Give the current labels on these subjects: whole addresses only, all on one page."""
    if any("*" in pattern for pattern in uri_patterns):
        raise InvalidRequest("Wildcards are not supported")
    if cursor is not None:
        return {"labels": []}
    found = labels_on(
        appview.pipeline.index, uri_patterns, sources, (appview.clock.now_us(), limit)
    )
    return {"labels": [fragment(label) for label in found]}
