"""com.atproto.moderation.*: reports go on to the inbox of our PDS, which knows who reports."""

from aiohttp import web

from appliance.atproto.syntax import Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.labeler.role import Labeler

methods: MethodTable[Labeler] = MethodTable()


@methods.procedure("com.atproto.moderation.createReport")
async def create_report(
    labeler: Labeler,
    *,
    request: web.Request,
    reason_type: str,
    reason: str | None,
    subject: JsonObject,
    mod_tool: JsonObject | None,
) -> Json:
    """Pass a report on with the token it came with, which names this network's account."""
    given = {
        "reasonType": reason_type,
        "reason": reason,
        "subject": subject,
        "modTool": mod_tool,
    }
    return await labeler.pds.procedure(
        "com.atproto.moderation.createReport",
        {name: value for name, value in given.items() if value is not None},
        {"Authorization": request.headers.get("Authorization", "")},
    )
