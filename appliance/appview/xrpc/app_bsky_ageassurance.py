"""app.bsky.ageassurance.*: no region here asks for proof of age."""

from appliance.appview.hydrate.hydration import Audience, SignedIn
from appliance.appview.role import AppView
from appliance.appview.views.values import iso
from appliance.appview.xrpc.auth import everyone, signed_in
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.ageassurance.getConfig", auth=everyone)
async def get_config(appview: AppView, audience: Audience) -> Json:
    return {"regions": []}


@methods.procedure("app.bsky.ageassurance.begin", auth=signed_in)
async def begin(
    appview: AppView,
    viewer: SignedIn,
    *,
    email: str,
    language: str,
    country_code: str,
    region_code: str | None,
) -> Json:
    raise InvalidRequest("No region asks for proof of age here", "RegionNotSupported")


@methods.query("app.bsky.ageassurance.getState", auth=signed_in)
async def get_state(
    appview: AppView, viewer: SignedIn, *, country_code: str, region_code: str | None
) -> Json:
    found = {"state": {"status": "unknown", "access": "full"}, "metadata": {}}
    row = None if viewer.id is None else appview.pipeline.hydrate.bare(viewer.id).actor(viewer.id)
    if row is not None:
        found["metadata"] = {"accountCreatedAt": iso(row.created_us or row.indexed_us)}
    return found
