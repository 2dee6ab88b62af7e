"""internal.hearth.relay.*: what an operator sees of hosts and accounts, and decides."""

from collections.abc import AsyncIterator

from appliance.atproto.syntax import Datetime, Did, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable, Stream
from appliance.relay.accounts import RepoNotFound
from appliance.relay.hosts import Host
from appliance.relay.quarantine import Kept
from appliance.relay.repair import TryLater
from appliance.relay.role import Relay
from appliance.upkeep.operator_access import operator

methods: MethodTable[Relay] = MethodTable()

_LAST_ID = (1 << 62) - 1


@methods.query("internal.hearth.relay.listHosts", auth=operator)
async def list_hosts(relay: Relay, caller: None, *, limit: int, cursor: str | None) -> Json:
    page = relay.hosts.all(_number(cursor, 0), limit)
    view: JsonObject = {"hosts": [_host_view(relay, host) for host in page]}
    if len(page) == limit:
        view["cursor"] = str(page[-1].id)
    return view


@methods.procedure("internal.hearth.relay.approveHost", auth=operator)
async def approve_host(relay: Relay, caller: None, *, hostname: str) -> None:
    host = _host(relay, hostname)
    if relay.bans.of_host(host.hostname) is not None:
        raise InvalidRequest("the host is banned; lift the ban first")
    await relay.moderation.approve(host)


@methods.procedure("internal.hearth.relay.setNeighbours", auth=operator)
async def set_neighbours(relay: Relay, caller: None, *, urls: list[str]) -> Json:
    """Follow the PDSes of the houses that are paired, and none whose pair has ended."""
    followed = await relay.neighbours.follow_only(urls)
    return {"followed": [{"url": url, "seq": host.cursor or 0} for url, host in followed]}


@methods.procedure("internal.hearth.relay.compareHost", auth=operator)
async def compare_host(relay: Relay, caller: None, *, hostname: str) -> Json:
    return {"differing": await relay.reconciler.compare(_host(relay, hostname))}


@methods.procedure("internal.hearth.relay.setHostLimit", auth=operator)
async def set_host_limit(
    relay: Relay, caller: None, *, hostname: str, accounts: int | None
) -> Json:
    return {"letIn": await relay.moderation.set_limit(_host(relay, hostname), accounts)}


@methods.procedure("internal.hearth.relay.ban", auth=operator)
async def ban(relay: Relay, caller: None, *, name: str, reason: str) -> None:
    await relay.moderation.ban(name, reason)


@methods.procedure("internal.hearth.relay.unban", auth=operator)
async def unban(relay: Relay, caller: None, *, name: str) -> None:
    await relay.moderation.unban(name)


@methods.query("internal.hearth.relay.listBans", auth=operator)
async def list_bans(relay: Relay, caller: None, *, limit: int, cursor: str | None) -> Json:
    page = relay.bans.page(cursor or "", limit)
    view: JsonObject = {
        "bans": [
            {"name": each.name, "reason": each.reason, "createdAt": Datetime.from_us(each.added_us)}
            for each in page
        ]
    }
    if len(page) == limit:
        view["cursor"] = page[-1].name
    return view


@methods.procedure("internal.hearth.relay.takeDownAccount", auth=operator)
async def take_down_account(relay: Relay, caller: None, *, did: Did, applied: bool) -> None:
    if not await relay.moderation.take_down(did, applied=applied):
        raise RepoNotFound(f"the relay does not know {did}; ban it to keep it out")


@methods.procedure("internal.hearth.relay.repairAccount", auth=operator)
async def repair_account(relay: Relay, caller: None, *, did: Did) -> Json:
    try:
        return {"result": await relay.repairer.repair(did)}
    except TryLater as reason:
        raise InvalidRequest(str(reason), "RepairFailed") from reason


@methods.query("internal.hearth.relay.getAccount", auth=operator)
async def get_account(relay: Relay, caller: None, *, did: Did) -> Json:
    account = relay.accounts.find(did)
    view: JsonObject = {
        "did": did,
        "hostname": relay.hosts.by_id(account.host_id).hostname,
        "active": account.active,
        "quarantined": len(relay.quarantine.page(did, _LAST_ID, 100)),
    }
    for name, value in (
        ("status", account.status),
        ("hostStatus", account.upstream_status),
        ("localStatus", account.local_status),
        ("rev", None if account.state is None else account.state.rev),
        ("head", None if account.head is None else str(account.head)),
    ):
        if value is not None:
            view[name] = value
    return view


@methods.query("internal.hearth.relay.listQuarantine", auth=operator)
async def list_quarantine(
    relay: Relay, caller: None, *, did: Did | None, limit: int, cursor: str | None
) -> Json:
    page = relay.quarantine.page(did, _number(cursor, _LAST_ID), limit)
    view: JsonObject = {"frames": [_kept_view(relay, kept) for kept in page]}
    if len(page) == limit:
        view["cursor"] = str(page[-1].id)
    return view


@methods.query("internal.hearth.relay.getQuarantined", auth=operator)
async def get_quarantined(relay: Relay, caller: None, *, number: int) -> Stream:
    _, frame = relay.quarantine.find(number)
    return Stream("application/octet-stream", _whole(frame))


@methods.procedure("internal.hearth.relay.releaseQuarantined", auth=operator)
async def release_quarantined(relay: Relay, caller: None, *, number: int) -> Json:
    verdict, reason = await relay.ingest.judge_again(number)
    return {"verdict": verdict, "reason": reason}


@methods.procedure("internal.hearth.relay.discardQuarantined", auth=operator)
async def discard_quarantined(relay: Relay, caller: None, *, number: int) -> None:
    await relay.quarantine.discard(number)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _host(relay: Relay, hostname: str) -> Host:
    return relay.hosts.named(hostname.strip().lower())


def _number(cursor: str | None, otherwise: int) -> int:
    if cursor is None:
        return otherwise
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 15):
        raise InvalidRequest("malformed cursor")
    return int(cursor)


def _host_view(relay: Relay, host: Host) -> JsonObject:
    view: JsonObject = {
        "hostname": host.hostname,
        "standing": host.standing,
        "status": relay.crawler.status(host, relay.clock.now_us()),
        "trusted": host.trusted,
        "accounts": host.accounts,
        "accountLimit": host.account_limit,
        "throttledAccounts": relay.hosts.count_throttled(host.id),
    }
    since = relay.crawler.connected_since(host)
    for name, value in (
        ("seq", host.cursor),
        ("note", host.note),
        ("lastFailure", relay.crawler.failure(host)),
        ("connectedSince", None if since is None else _moment(int(since * 1_000_000))),
        ("offlineSince", _moment(host.offline_since_us)),
        ("lastEventAt", _moment(host.last_event_us)),
        ("comparedAt", _moment(host.compared_us)),
    ):
        if value is not None:
            view[name] = value
    return view


def _kept_view(relay: Relay, kept: Kept) -> JsonObject:
    view: JsonObject = {
        "number": kept.id,
        "hostname": relay.hosts.by_id(kept.host_id).hostname,
        "verdict": kept.verdict,
        "reason": kept.reason,
        "size": kept.size,
        "createdAt": Datetime.from_us(kept.added_us),
    }
    if kept.did:
        view["did"] = kept.did
    return view if kept.seq is None else {**view, "seq": kept.seq}


def _moment(us: int | None) -> Datetime | None:
    return None if us is None else Datetime.from_us(us)
