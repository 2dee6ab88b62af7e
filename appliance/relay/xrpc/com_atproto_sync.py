"""com.atproto.sync.*: the stream, the hosts, and where each repo stands."""

from urllib.parse import urlencode

from aiohttp import web

from appliance.atproto.syntax import Did, Json, Nsid
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.errors import InvalidRequest, RateLimitExceeded
from appliance.atproto.xrpc.methods import MethodTable, Reply
from appliance.firehose.serve import serve_subscribe_repos
from appliance.relay.accounts import Account, RepoNotFound
from appliance.relay.hosts import Host, HostNotFound, TooManyHosts
from appliance.relay.role import Relay

methods: MethodTable[Relay] = MethodTable()

# A day's places are given; an hour later some may be free again.
RETRY_AFTER_SECONDS = 3600


@methods.subscription("com.atproto.sync.subscribeRepos")
async def subscribe_repos(
    relay: Relay,
    *,
    cursor: int | None,
    request: web.Request,
) -> web.StreamResponse:
    return await serve_subscribe_repos(request, relay.log, relay.seats)


@methods.query("com.atproto.sync.listHosts")
async def list_hosts(relay: Relay, *, limit: int, cursor: str | None) -> Json:
    page = relay.hosts.page(_position(cursor), limit)
    found: dict[str, Json] = {"hosts": [_host_view(relay, host) for host in page]}
    if len(page) == limit:
        found["cursor"] = str(page[-1].id)
    return found


@methods.query("com.atproto.sync.getHostStatus")
async def get_host_status(relay: Relay, *, hostname: str) -> Json:
    host = relay.hosts.find(hostname.lower())
    if host is None or host.standing == "waiting":
        raise HostNotFound(f"the relay does not follow {hostname[:253]}")
    return _host_view(relay, host)


@methods.query("com.atproto.sync.listRepos")
async def list_repos(relay: Relay, *, limit: int, cursor: str | None) -> Json:
    page = relay.accounts.page(_position(cursor), limit)
    found: dict[str, Json] = {
        "repos": [_repo_view(account) for account in page if account.state is not None]
    }
    if len(page) == limit:
        found["cursor"] = str(page[-1].id)
    return found


@methods.query("com.atproto.sync.listReposByCollection")
async def list_repos_by_collection(
    relay: Relay, *, collection: Nsid, limit: int, cursor: str | None
) -> Json:
    page = relay.collections.page(collection, _position(cursor), limit)
    found: dict[str, Json] = {"repos": [{"did": did} for _, did, active in page if active]}
    if len(page) == limit:
        found["cursor"] = str(page[-1][0])
    return found


@methods.query("com.atproto.sync.getRepoStatus")
async def get_repo_status(relay: Relay, *, did: Did) -> Json:
    account = relay.accounts.find(did)
    view: dict[str, Json] = {"did": did, "active": account.active}
    if account.status is not None:
        view["status"] = account.status
    elif account.state is not None:
        view["rev"] = account.state.rev
    return view


@methods.query("com.atproto.sync.getLatestCommit")
async def get_latest_commit(relay: Relay, *, did: Did) -> Json:
    account = relay.accounts.find(did)
    account.require_active()
    if account.state is None or account.head is None:
        raise RepoNotFound(f"the relay knows no commit of {did}")
    return {"cid": str(account.head), "rev": account.state.rev}


@methods.query("com.atproto.sync.getRepo")
async def get_repo(relay: Relay, *, did: Did, since: Tid | None) -> Reply:
    account = relay.accounts.find(did)
    account.require_active()
    host = relay.hosts.by_id(account.host_id)
    query = urlencode({"did": did} if since is None else {"did": did, "since": since})
    location = f"{host.url}/xrpc/com.atproto.sync.getRepo?{query}"
    return Reply(headers={"Location": location}, status=302)


@methods.procedure("com.atproto.sync.requestCrawl")
async def request_crawl(relay: Relay, *, hostname: str) -> None:
    try:
        await relay.admission.asked(hostname)
    except TooManyHosts as error:
        raise RateLimitExceeded({"Retry-After": str(RETRY_AFTER_SECONDS)}) from error


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 15):
        raise InvalidRequest("malformed cursor")
    return int(cursor)


def _host_view(relay: Relay, host: Host) -> Json:
    return {
        "hostname": host.hostname,
        "seq": host.cursor or 0,
        "accountCount": host.accounts,
        "status": relay.crawler.status(host, relay.clock.now_us()),
    }


def _repo_view(account: Account) -> Json:
    view: dict[str, Json] = {"did": account.did, "active": account.active}
    if account.state is not None:
        view |= {"head": str(account.head), "rev": account.state.rev}
    if account.status is not None:
        view["status"] = account.status
    return view
