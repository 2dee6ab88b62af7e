"""internal.hearth.upkeep.*: how it goes with the neighbours."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.neighbours.role import Neighbours
from appliance.upkeep.operator_access import operator
from appliance.upkeep.status import report

methods: MethodTable[Neighbours] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(neighbours: Neighbours, caller: None) -> Json:
    paired = neighbours.store.all()
    counts = {
        "paired": len(paired),
        "here": sum(neighbours.company.contact(one.key).here for one in paired),
        "seen": len(neighbours.sightings.all()),
        "dropped": neighbours.sightings.dropped,
        "unheard": neighbours.announcer.hearing.dropped if neighbours.announcer else 0,
        "restarts": neighbours.announcer.restarts if neighbours.announcer else 0,
    }
    findings = neighbours.company.findings()
    return report("neighbours", neighbours.workers.status(), counts, findings)
