"""internal.hearth.relay.*: whether the network sees us, and how much it is sent."""

from dataclasses import asdict

from appliance.atproto.syntax import Datetime, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.relay.role import Relay
from appliance.relay.upstream import Seen, findings
from appliance.upkeep.operator_access import operator

methods: MethodTable[Relay] = MethodTable()


@methods.query("internal.hearth.relay.listUpstreams", auth=operator)
async def list_upstreams(relay: Relay, caller: None) -> Json:
    return {"upstreams": [_view(seen) for seen in relay.upstreams.seen.values()]}


@methods.procedure("internal.hearth.relay.checkUpstreams", auth=operator)
async def check_upstreams(relay: Relay, caller: None) -> Json:
    return {"findings": [asdict(finding) for finding in await relay.upstreams.look()]}


@methods.query("internal.hearth.relay.getStreamRate", auth=operator)
async def get_stream_rate(relay: Relay, caller: None) -> Json:
    """Tell how many events went out in each hour of the last day."""
    hours = relay.stream_rate.by_hour()
    return {"hours": [{"at": Datetime.from_us(at), "events": events} for at, events in hours]}


def _view(seen: Seen) -> Json:
    view: JsonObject = {
        "relay": seen.relay,
        "checkedAt": Datetime.from_us(seen.checked_us),
        "ourSeq": seen.our_seq,
        "accounts": [{"did": did, "state": state} for did, state in seen.accounts.each],
        "findings": [asdict(finding) for finding in findings(seen)],
    }
    if seen.host is not None:
        view |= {"status": seen.host.status, "seq": seen.host.seq}
        if seen.host.accounts is not None:
            view["accountCount"] = seen.host.accounts
    if seen.echo is not None:
        view["echoMs"] = int(seen.echo * 1000)
    return view
