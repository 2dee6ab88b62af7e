"""com.atproto.repo.*: single records the index holds."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.hydrate.ids import with_did
from appliance.appview.hydrate.records import find_opaque, find_record
from appliance.appview.role import AppView
from appliance.appview.views.values import fragment
from appliance.appview.xrpc.auth import anyone
from appliance.appview.xrpc.lookups import actor
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import AtIdentifier, AtUri, Json, Nsid, RecordKey
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("com.atproto.repo.getRecord", auth=anyone)
async def get_record(
    appview: AppView,
    audience: Audience,
    *,
    repo: AtIdentifier,
    collection: Nsid,
    rkey: RecordKey,
    cid: Cid | None,
) -> Json:
    """Give a record the index keeps whole: likes, follows and the like are not among these.

    Of accounts hosted here it keeps whatever it does not index.
    """
    index = appview.pipeline.index
    uri = with_did(index, AtUri.make(repo, collection, rkey))
    actor_id = actor(appview, repo, f"Could not find repo: {repo}")
    found = find_record(index, actor_id, collection, uri) or find_opaque(
        index, actor_id, collection, rkey
    )
    is_removed = uri in appview.takedowns.subjects
    if found is None or is_removed or (cid is not None and str(cid) != found.cid):
        raise InvalidRequest(f"Could not locate record: {uri}", "RecordNotFound")
    return {"uri": uri, "cid": found.cid, "value": fragment(found.record)}
