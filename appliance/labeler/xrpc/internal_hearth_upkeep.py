"""internal.hearth.upkeep.*: how the labeler is doing."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.labeler.role import Labeler
from appliance.upkeep.operator_access import operator
from appliance.upkeep.status import report

methods: MethodTable[Labeler] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(labeler: Labeler, caller: None) -> Json:
    counts = {
        "labels": await labeler.labels.count(),
        "said": labeler.log.head(),
        "subscribers": labeler.seats.taken,
        "did": labeler.identity.did,
    }
    return report("labeler", labeler.workers.status(), counts)
