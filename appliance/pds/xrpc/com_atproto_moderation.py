"""com.atproto.moderation.*: reports, to us or to the service that a member names."""

from collections.abc import AsyncIterator

from aiohttp.web import Request

from appliance.atproto import data
from appliance.atproto.syntax import Datetime, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest, UpstreamFailure, XrpcError
from appliance.atproto.xrpc.methods import MethodTable, Reply
from appliance.pds.proxy import Call
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, looked_at_inside, stranger_or

methods: MethodTable[Pds] = MethodTable()

MOST_ANSWER_BYTES = 256_000
_CREATE = "com.atproto.moderation.createReport"


@methods.procedure(
    "com.atproto.moderation.createReport", auth=stranger_or(account.for_apps(looked_at_inside))
)
async def create_report(
    pds: Pds,
    caller: Caller,
    *,
    request: Request,
    reason_type: str,
    reason: str | None,
    subject: JsonObject,
    mod_tool: JsonObject | None,
) -> Json | Reply:
    service = request.headers.get("atproto-proxy")
    caller.require_call(_CREATE, pds.proxy.names(service or f"{pds.did}#atproto_labeler"))
    given = {
        "reasonType": reason_type,
        "reason": reason,
        "subject": subject,
        "modTool": mod_tool,
    }
    if service is not None and not _is_ours(pds, service):
        if caller.kind == "service":  # we can speak for members only, when they ask us themselves
            raise InvalidRequest("a report by a service token is for this network")
        report = {name: value for name, value in given.items() if value is not None}
        return await _pass_on(pds, caller, service, report)
    made = await pds.reports.create(caller.did, reason_type, reason, subject)
    view = {
        "id": made.id,
        "reasonType": reason_type,
        "subject": subject,
        "reportedBy": caller.did,
        "createdAt": Datetime.from_us(made.created_at),
    }
    return view if reason is None else {**view, "reason": reason}


def _is_ours(pds: Pds, service: str) -> bool:
    """Whether a header names this server, its AppView or its labeler. Raises NoService."""
    return service.partition("#")[0] == pds.network_account.did or pds.proxy.names_us(service)


async def _pass_on(pds: Pds, caller: Caller, service: str, report: JsonObject) -> Reply:
    """Send a report to the service that is to have it."""

    async def chunks() -> AsyncIterator[bytes]:
        yield data.dumps(report)

    headers = {"content-type": "application/json"}
    call = Call("POST", _CREATE, [], headers, chunks())
    target = await pds.proxy.target(service)
    async with pds.proxy.send(target, call, caller.did, None) as answer:
        received = b""
        async for chunk in answer.chunks:
            received += chunk
            if len(received) > MOST_ANSWER_BYTES:
                raise UpstreamFailure
    try:
        value = data.loads(received)
    except data.InvalidData as bad:
        raise UpstreamFailure from bad
    if answer.status != 200:
        name = value.get("error") if isinstance(value, dict) else None
        raise XrpcError(answer.status, str(name or "UpstreamFailure"))
    return Reply(value)
