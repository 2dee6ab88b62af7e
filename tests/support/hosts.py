"""A small did:plc directory and small PDS hosts: real servers, real repos, real signatures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from appliance.atproto import cbor
from appliance.atproto.car import write_car
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.repo import CommitSlice, RecordWrite, Repo
from appliance.atproto.syntax import Did
from appliance.atproto.tid import TidClock
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import CommitEvent, RepoEvent
from appliance.firehose.serve import close_on_shutdown, serve_subscribe_repos

TIME = "2026-01-01T00:00:00.000Z"


class FakeAccount:
    """An account with a key and a repo, signing its own commits."""

    def __init__(self, name: str, clock: Clock) -> None:
        letters = "".join(letter for letter in name if letter.isalpha())
        self.did = Did("did:plc:" + (letters * 24)[:24])
        self.handle = f"{name}.test"
        self.key = PrivateKey.generate()
        self.repo = Repo(self.did, Mst.empty(), None)
        self._tids = TidClock(clock.now_us)

    def commit(self, *writes: RecordWrite) -> CommitSlice:
        head = self.repo.head
        rev = self._tids.next(None if head is None else head.rev)
        self.repo, news = self.repo.apply(writes, rev, self.key)
        return news

    def post(self, text: str) -> CommitSlice:
        record = cbor.encode({"$type": "app.bsky.feed.post", "text": text, "createdAt": TIME})
        rkey = self._tids.next()
        return self.commit(RecordWrite("create", f"app.bsky.feed.post/{rkey}", record))


def did_document(
    account: FakeAccount, pds_url: str, key: PrivateKey | None = None
) -> dict[str, object]:
    """Write the DID document of an account at a host."""
    return {
        "id": account.did,
        "alsoKnownAs": [f"at://{account.handle}"],
        "verificationMethod": [
            {
                "id": f"{account.did}#atproto",
                "type": "Multikey",
                "controller": account.did,
                "publicKeyMultibase": (key or account.key).public.multikey,
            }
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": pds_url,
            }
        ],
    }


class FakeDirectory:
    """GET /{did}: the documents somebody has put there. `asked` counts per DID."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, object]] = {}
        self.asked: dict[str, int] = {}
        self.url = ""
        self.down = False

    def put(self, account: FakeAccount, pds_url: str, key: PrivateKey | None = None) -> None:
        self.documents[account.did] = did_document(account, pds_url, key)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeDirectory"]:
        async def document(request: web.Request) -> web.Response:
            did = request.match_info["did"]
            self.asked[did] = self.asked.get(did, 0) + 1
            if self.down:
                return web.json_response({"message": "later"}, status=503)
            if did not in self.documents:
                return web.json_response({"message": f"DID not registered: {did}"}, status=404)
            return web.json_response(self.documents[did])

        app = web.Application()
        app.router.add_get("/{did}", document)
        async with TestServer(app, host="localhost") as server:
            self.url = f"http://localhost:{server.port}"
            yield self


class FakeHost:
    """A PDS as a relay sees it.

    `accounts` are those whose repos it has; what it answers of them is true, but for `status`.
    `document` is that of a did:web which it serves.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.log = EventLog(db)
        self.url = ""
        self.hostname = ""
        self.handles: dict[str, str] = {}
        self.status: dict[str, dict[str, object]] = {}
        self.accounts: dict[str, FakeAccount] = {}
        self.document: dict[str, object] = {}
        self.seen_cursors: list[str | None] = []
        self.is_away = False
        self.asked_lately = False

    async def tell(self, *events: RepoEvent) -> None:
        """Append events to the stream."""
        await self._db.write(_append, events)

    async def tell_commit(self, *news: CommitSlice) -> None:
        await self.tell(*(CommitEvent.of(each, TIME) for each in news))

    async def subscribe(self, request: web.Request) -> web.StreamResponse:
        self.seen_cursors.append(request.query.get("cursor"))
        if self.is_away:
            return web.Response(status=503)
        return await serve_subscribe_repos(request, self.log)

    async def resolve(self, request: web.Request) -> web.Response:
        did = self.handles.get(request.query["handle"])
        if did is None:
            return web.json_response({"error": "HandleNotFound"}, status=400)
        return web.json_response({"did": did})

    def repo(self, did: str) -> dict[str, object] | None:
        """What getRepoStatus tells of an account."""
        found = self.status.get(did)
        account = self.accounts.get(did)
        if found is None or account is None or account.repo.head is None:
            return found
        return {**found, "rev": account.repo.head.rev} if found["active"] else found

    def own_account(self, name: str, clock: Clock) -> FakeAccount:
        """Open an account whose did:web is served here."""
        account = FakeAccount(name, clock)
        account.did = Did(f"did:web:{self.hostname.replace(':', '%3A')}")
        account.repo = Repo(account.did, Mst.empty(), None)
        self.document = did_document(account, self.url)
        self.status[account.did] = {"did": account.did, "active": True}
        self.accounts[account.did] = account
        return account

    async def did_web(self, _request: web.Request) -> web.Response:
        return web.json_response(self.document)

    async def repo_status(self, request: web.Request) -> web.Response:
        return _json_or_unknown(self.repo(request.query["did"]))

    async def latest_commit(self, request: web.Request) -> web.Response:
        account = self.accounts.get(request.query["did"])
        if account is None or account.repo.head is None:
            return _json_or_unknown(None)
        head = account.repo.head
        return web.json_response({"cid": str(head.cid), "rev": head.rev})

    async def blocks(self, request: web.Request) -> web.Response:
        account = self.accounts.get(request.query["did"])
        if account is None or account.repo.head is None:
            return _json_or_unknown(None)
        head = account.repo.head
        return web.Response(body=write_car(head.cid, [(head.cid, head.block)]))

    async def describe_repo(self, request: web.Request) -> web.Response:
        account = self.accounts.get(request.query["repo"])
        if account is None:
            return _json_or_unknown(None)
        names = sorted({path.partition("/")[0] for path, _ in account.repo.tree.items()})
        return web.json_response({"did": account.did, "collections": names})

    async def describe(self, _request: web.Request) -> web.Response:
        return web.json_response({"did": "did:web:localhost", "availableUserDomains": []})

    async def request_crawl(self, request: web.Request) -> web.Response:
        """Ask relays to follow this host, for the operator of the relay beside it."""
        assert request.headers["Authorization"].startswith("Basic ")
        [relay] = (await request.json())["relays"]
        told: dict[str, object] = {"relay": relay}
        if self.asked_lately:
            return web.json_response({"relays": [{**told, "failure": "AskedLately"}]})
        url = f"{relay}/xrpc/com.atproto.sync.requestCrawl"
        async with (
            ClientSession() as session,
            session.post(url, json={"hostname": self.hostname}) as answer,
        ):
            if answer.status != 200:
                told["failure"] = (await answer.json())["error"]
        return web.json_response({"relays": [told]})

    async def list_repos(self, _request: web.Request) -> web.Response:
        told = [(did, self.repo(did), each) for did, each in self.accounts.items()]
        return web.json_response(
            {
                "repos": [
                    {"did": did, "head": str(each.repo.head.cid), **repo}
                    for did, repo, each in told
                    if repo is not None and each.repo.head is not None
                ]
            }
        )


def _json_or_unknown(found: dict[str, object] | None) -> web.Response:
    if found is None:
        return web.json_response({"error": "RepoNotFound"}, status=400)
    return web.json_response(found)


def _append(conn: Connection, events: tuple[RepoEvent, ...]) -> None:
    for event in events:
        event_log.append(conn, event.did, event.kind, event.frame(), 1_000)


@asynccontextmanager
async def fake_host(path: Path, socket: Path | None = None) -> AsyncIterator[FakeHost]:
    """Serve a host on a port of localhost, and on a UNIX socket too if one is named."""
    schema = files("appliance.relay") / "schema"
    async with await Database.open(path, schema, synchronous="NORMAL") as db:
        host = FakeHost(db)
        app = web.Application()
        app.router.add_get("/xrpc/com.atproto.sync.subscribeRepos", host.subscribe)
        app.router.add_get("/xrpc/com.atproto.identity.resolveHandle", host.resolve)
        app.router.add_get("/xrpc/com.atproto.sync.getRepoStatus", host.repo_status)
        app.router.add_get("/xrpc/com.atproto.server.describeServer", host.describe)
        app.router.add_get("/xrpc/com.atproto.sync.listRepos", host.list_repos)
        app.router.add_get("/xrpc/com.atproto.sync.getLatestCommit", host.latest_commit)
        app.router.add_get("/xrpc/com.atproto.sync.getBlocks", host.blocks)
        app.router.add_get("/xrpc/com.atproto.repo.describeRepo", host.describe_repo)
        app.router.add_get("/.well-known/did.json", host.did_web)
        app.router.add_post("/xrpc/internal.hearth.pds.requestCrawl", host.request_crawl)
        close_on_shutdown(app, host.log)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "localhost", 0)
            await site.start()
            port = runner.addresses[0][1]
            host.hostname, host.url = f"localhost:{port}", f"http://localhost:{port}"
            if socket is not None:
                await web.UnixSite(runner, str(socket)).start()
            yield host
        finally:
            await runner.cleanup()
