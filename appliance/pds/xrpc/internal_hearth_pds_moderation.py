"""internal.hearth.pds.*: reports and what becomes of them; the log of the operator's acts."""

from aiohttp.web import Request

from appliance.atproto.syntax import Datetime, Did, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.operator_acts import Act
from appliance.pds.reports import Report
from appliance.pds.role import Pds
from appliance.pds.xrpc.acts import actor_of
from appliance.pds.xrpc.auth import Caller, operator
from appliance.pds.xrpc.com_atproto_admin_account import page_number, require_subject

methods: MethodTable[Pds] = MethodTable()

DAY_US = 86_400 * 1_000_000


@methods.query("internal.hearth.pds.listReports", auth=operator)
async def list_reports(
    pds: Pds, caller: Caller, *, limit: int, cursor: str | None, only_open: bool | None
) -> Json:
    page = await pds.reports.page(page_number(cursor), limit, only_open=bool(only_open))
    view: JsonObject = {
        "reports": [_report_view(one) for one in page],
        "open": await pds.reports.count_open(),
    }
    if len(page) == limit:
        view["cursor"] = str(page[-1].id)
    return view


@methods.procedure("internal.hearth.pds.suspendAccount", auth=operator)
async def suspend_account(
    pds: Pds, caller: Caller, *, did: Did, days: int, reason: str | None
) -> None:
    """Hide an account and all it wrote for some days: a takedown with an end."""
    found = require_subject(pds, did)
    await pds.lifecycle.suspend(found.did, reason or pds.clock.iso(), days * DAY_US)


@methods.query("internal.hearth.pds.getSuspension", auth=operator)
async def get_suspension(pds: Pds, caller: Caller, *, did: Did) -> Json:
    """Tell when a suspended account comes back; nothing of one that is not suspended."""
    until = require_subject(pds, did).suspended_until
    return {} if until is None else {"until": Datetime.from_us(until)}


@methods.procedure("internal.hearth.pds.closeReport", auth=operator)
async def close_report(pds: Pds, caller: Caller, *, id: int, note: str | None) -> None:
    await pds.reports.close(id, note or "")


@methods.procedure("internal.hearth.pds.muteReporter", auth=operator)
async def mute_reporter(pds: Pds, caller: Caller, *, did: Did, muted: bool) -> None:
    """Close whatever somebody reports from now on at once, or listen to them again."""
    await pds.reports.mute(did, muted=muted)


@methods.query("internal.hearth.pds.listMutedReporters", auth=operator)
async def list_muted_reporters(pds: Pds, caller: Caller) -> Json:
    return {"dids": list(await pds.reports.muted())}


@methods.procedure("internal.hearth.pds.noteAct", auth=operator)
async def note_act(
    pds: Pds, caller: Caller, *, request: Request, method: str, about: JsonObject | None
) -> None:
    """Write down an act that was done elsewhere: at the relay, or in the panel itself."""
    await pds.operator_acts.note(actor_of(request), method, about or {})


@methods.query("internal.hearth.pds.listActs", auth=operator)
async def list_acts(
    pds: Pds,
    caller: Caller,
    *,
    limit: int,
    cursor: str | None,
    actor: str | None,
    about: str | None,
) -> Json:
    """List acts, the newest first; only those of an actor, or with a text in them, if given."""
    page = await pds.operator_acts.page(
        page_number(cursor), limit, actor=actor or "", about=about or ""
    )
    view: JsonObject = {"acts": [_act_view(one) for one in page]}
    if len(page) == limit:
        view["cursor"] = str(page[-1].id)
    return view


def _report_view(one: Report) -> JsonObject:
    view: JsonObject = {
        "id": one.id,
        "reportedBy": one.reported_by,
        "reasonType": one.reason_type,
        "subject": one.subject,
        "createdAt": Datetime.from_us(one.created_at),
    }
    if one.reason is not None:
        view["reason"] = one.reason
    if one.closed_at is not None:
        view |= {"closedAt": Datetime.from_us(one.closed_at), "note": one.outcome}
    return view


def _act_view(one: Act) -> JsonObject:
    return {
        "id": one.id,
        "at": Datetime.from_us(one.at),
        "actor": one.actor,
        "method": one.method,
        "about": dict(one.about),
    }
