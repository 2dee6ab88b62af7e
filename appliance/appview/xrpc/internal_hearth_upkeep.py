"""internal.hearth.upkeep.*: how the AppView is doing."""

from appliance.appview.role import AppView
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.upkeep.operator_access import operator
from appliance.upkeep.status import report

methods: MethodTable[AppView] = MethodTable()


@methods.query("internal.hearth.upkeep.getStatus", auth=operator)
async def get_status(appview: AppView, caller: None) -> Json:
    return report("appview", appview.workers.status(), await appview.counts())
