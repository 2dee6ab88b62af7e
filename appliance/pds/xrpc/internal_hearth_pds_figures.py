"""internal.hearth.pds.*: figures of each day, who keeps how much, the last log."""

from appliance.atproto.syntax import Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.base.logs import recent_lines
from appliance.pds.figures import Share
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.pds.listFigures", auth=operator)
async def list_figures(pds: Pds, caller: Caller, *, days: int) -> Json:
    """Tell what was counted and measured on the last days; of today, until an hour ago."""
    found = await pds.figures.since(days)
    return {"figures": [{"day": one.day, "name": one.name, "value": one.value} for one in found]}


@methods.query("internal.hearth.pds.listStorage", auth=operator)
async def list_storage(pds: Pds, caller: Caller, *, limit: int) -> Json:
    """Tell who keeps most here."""
    return {"accounts": [_view(pds, one) for one in await pds.figures.shares(limit)]}


@methods.query("internal.hearth.pds.getLog", auth=operator)
async def get_log(pds: Pds, caller: Caller, *, lines: int) -> Json:
    """Give the last lines of the log of this process, without secrets."""
    return {"lines": recent_lines(lines)}


def _view(pds: Pds, share: Share) -> JsonObject:
    found = pds.accounts.find(share.did)
    view: JsonObject = {
        "did": share.did,
        "records": share.records,
        "recordBytes": share.record_bytes,
        "blobs": share.blobs,
        "bytes": share.bytes,
        "videoBytes": share.video_bytes,
    }
    return view if found is None else {**view, "handle": found.handle}
