"""internal.hearth.upkeep.*: what the relay reports of itself."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.relay.role import Relay
from appliance.upkeep.operator_access import operator
from appliance.upkeep.status import report

methods: MethodTable[Relay] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(relay: Relay, caller: None) -> Json:
    return report("relay", relay.workers.status(), await relay.counts(), relay.upstreams.findings())
