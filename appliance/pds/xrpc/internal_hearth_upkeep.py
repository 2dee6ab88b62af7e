"""internal.hearth.upkeep.*: how the PDS is doing."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.upkeep.status import report

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(pds: Pds, caller: Caller) -> Json:
    counts = {"accounts": await pds.accounts.count(), "seq": pds.event_log.head()}
    return report("pds", pds.workers.status(), counts)
