"""internal.hearth.pds.*Settings: the settings file; what is written holds from the next start."""

import asyncio

from appliance.atproto.syntax import Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.settings import InvalidSettings
from appliance.settings_file import change, described

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.pds.getSettings", auth=operator)
async def get_settings(pds: Pds, caller: Caller) -> Json:
    """List every setting as the file has it, without passwords."""
    found = await asyncio.to_thread(described, pds.settings.paths.data)
    return {
        "settings": [
            {"name": one.name, "text": one.text, "changed": one.changed, "help": one.help}
            for one in found
        ]
    }


@methods.procedure("internal.hearth.pds.putSettings", auth=operator)
async def put_settings(pds: Pds, caller: Caller, *, values: JsonObject) -> Json:
    """Write some settings; tell whether any differs from before."""
    try:
        return {"changed": await asyncio.to_thread(change, pds.settings.paths.data, values)}
    except InvalidSettings as bad:
        raise InvalidRequest(str(bad)) from bad
