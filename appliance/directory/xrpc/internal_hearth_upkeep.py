"""internal.hearth.upkeep.*: how the directory is doing."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.directory.role import Directory
from appliance.upkeep.operator_access import operator
from appliance.upkeep.status import report

methods: MethodTable[Directory] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(directory: Directory, caller: None) -> Json:
    return report("directory", directory.workers(), await directory.operations.counts())
