"""What an AppView finds around it: a directory, a PDS and a relay, on the sockets of a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from appliance.appview.role import AppView, open_appview
from appliance.atproto.cid import Cid
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import HttpClient, OutboundPolicy
from appliance.base.workers import Workers
from appliance.firehose import event_log
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import RepoEvent
from appliance.firehose.serve import serve_subscribe_repos
from appliance.settings import Settings, defaults
from tests.support.index_lab import validator
from tests.support.repo_author import RepoAuthor

PDS_URL = "http://localhost:2583"


class FakeNetwork:
    """Accounts, their blobs, and the relay's stream of their events."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.log = EventLog(db)
        self.authors: dict[str, RepoAuthor] = {}
        self.blobs: dict[str, bytes] = {}
        self.served: list[str] = []
        self.refuse_repos = False
        self.handles: dict[str, str] = {}
        self.elsewhere: dict[str, str] = {}
        self.taken_down: set[str] = set()

    def add(self, author: RepoAuthor) -> RepoAuthor:
        self.authors[author.did] = author
        return author

    def add_blob(self, data: bytes) -> Cid:
        cid = Cid.for_blob(data)
        self.blobs[str(cid)] = data
        return cid

    async def tell(self, *events: RepoEvent) -> None:
        """Append events to the relay's stream."""
        await self._db.write(_append, events)

    def app(self) -> web.Application:
        app = web.Application()
        sync = "/xrpc/com.atproto.sync"
        app.router.add_get("/{did:did:.*}", self._document)
        app.router.add_get(f"{sync}.getRepo", self._repo)
        app.router.add_get(f"{sync}.getBlob", self._blob)
        app.router.add_get(f"{sync}.listRepos", self._list)
        app.router.add_get(f"{sync}.getRepoStatus", self._status)
        app.router.add_get(f"{sync}.subscribeRepos", self._subscribe)
        app.router.add_get("/xrpc/com.atproto.identity.resolveHandle", self._resolve)
        return app

    async def _document(self, request: web.Request) -> web.Response:
        author = self.authors.get(request.match_info["did"])
        if author is None:
            return web.json_response({"message": "DID not registered"}, status=404)
        return web.json_response(author.document(self.elsewhere.get(author.did, PDS_URL)))

    async def _repo(self, request: web.Request) -> web.Response:
        did = request.query["did"]
        self.served.append(did)
        if self.refuse_repos:
            return web.json_response({"error": "RepoNotFound"}, status=400)
        car = "application/vnd.ipld.car"
        return web.Response(body=self.authors[did].car(), content_type=car)

    async def _blob(self, request: web.Request) -> web.Response:
        self.served.append(request.query["cid"])
        data = self.blobs.get(request.query["cid"])
        if data is None:
            return web.json_response({"error": "BlobNotFound"}, status=400)
        return web.Response(body=data, content_type="text/html")

    async def _list(self, request: web.Request) -> web.Response:
        repos = [
            {"did": did, "rev": author.repo.head.rev, "active": True}
            for did, author in sorted(self.authors.items())
            if author.repo.head is not None and did > request.query.get("cursor", "")
        ]
        page = repos[:1]
        more = {"cursor": page[-1]["did"]} if len(repos) > 1 else {}
        return web.json_response({"repos": page, **more})

    async def _status(self, request: web.Request) -> web.Response:
        did = request.query["did"]
        return web.json_response({"did": did, "active": did not in self.taken_down})

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        return await serve_subscribe_repos(request, self.log)

    async def _resolve(self, request: web.Request) -> web.Response:
        owners = {author.handle: author.did for author in self.authors.values()} | self.handles
        did = owners.get(request.query["handle"])
        if did is None:
            return web.json_response({"error": "HandleNotFound"}, status=400)
        return web.json_response({"did": did})


def _append(conn: Connection, events: tuple[RepoEvent, ...]) -> None:
    for event in events:
        event_log.append(conn, event.did, event.kind, event.frame(), 1_000)


@asynccontextmanager
async def behind_a_door(network: FakeNetwork, settings: Settings, url: str) -> AsyncIterator[None]:
    """Let the network be the paired house with a PDS of this URL, too."""
    runner = web.AppRunner(network.app(), shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(settings.paths.gate(url))).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fake_network(settings: Settings) -> AsyncIterator[FakeNetwork]:
    """Serve directory, PDS and relay on the sockets that the settings name."""
    settings.paths.run.mkdir(parents=True, exist_ok=True)
    schema = files("appliance.relay") / "schema"
    path = settings.paths.data / "fake-relay.sqlite"
    async with await Database.open(path, schema, "NORMAL") as db:
        network = FakeNetwork(db)
        runner = web.AppRunner(network.app(), shutdown_timeout=0.2)
        await runner.setup()
        try:
            for role in ("directory", "pds", "relay"):
                await web.UnixSite(runner, str(settings.paths.socket(role))).start()
            yield network
        finally:
            network.log.close()
            await runner.cleanup()


async def settled(appview: AppView, author: RepoAuthor) -> None:
    """Wait until all that an account has written is indexed."""
    head = author.repo.head
    assert head is not None
    assert await appview.revs.wait(author.did, head.rev, timeout=60)


def network_settings(path: Path) -> Settings:
    return defaults("dev", path).with_values(
        {"pds.public_url": PDS_URL, "appview.public_url": "http://localhost:2585"}
    )


@asynccontextmanager
async def open_role(settings: Settings, clock: Clock | None = None) -> AsyncIterator[AppView]:
    """Run an AppView in the network of the same settings."""
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        Workers() as workers,
        open_appview(settings, http, workers, clock or Clock(), validator()) as role,
        workers_first(workers),
    ):
        yield role


@asynccontextmanager
async def workers_first(workers: Workers) -> AsyncIterator[None]:
    """Stop the workers before the databases close, as the node does."""
    try:
        yield
    finally:
        await workers.__aexit__(None, None, None)
