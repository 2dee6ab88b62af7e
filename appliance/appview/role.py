"""The AppView: its parts, built once; its background work."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from appliance.appview.actors import ActorStore
from appliance.appview.backfill import Backfill
from appliance.appview.blobs import Blobs
from appliance.appview.cards.cards import Cards
from appliance.appview.event_indexer import EventIndexer
from appliance.appview.feed_services import FeedServices
from appliance.appview.feeds.network import NetworkFeeds
from appliance.appview.feeds.store import FeedStore
from appliance.appview.head_starts import HeadStarts
from appliance.appview.hydrate.hydrator import Hydrator, Standing
from appliance.appview.identities import IdentityRefresher
from appliance.appview.image_pool import ImagePool
from appliance.appview.images import BlobGate, Images
from appliance.appview.indexed_revs import IndexedRevs
from appliance.appview.indexer import Indexer
from appliance.appview.ingest import Ingest
from appliance.appview.labelers.labelers import Labelers, World
from appliance.appview.maintenance import Maintenance
from appliance.appview.media import MediaUrls
from appliance.appview.pipeline import Pipeline
from appliance.appview.rebuilds import Rebuilds
from appliance.appview.reconcile import Reconciler
from appliance.appview.repo_hosts import RepoHosts
from appliance.appview.row_counts import RowCounts
from appliance.appview.subscribers import Subscribers
from appliance.appview.takedowns import Takedowns
from appliance.appview.viewer_papers import ViewerPapers
from appliance.appview.viewer_state import ViewerState
from appliance.appview.viewer_tokens import ViewerTokens
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Did
from appliance.atproto.tid import TidClock
from appliance.atproto.xrpc.client import XrpcClient
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.firehose.inside import Inside
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess


@dataclass(frozen=True)
class AppView:
    """The parts of the AppView, for `xrpc` and `app`."""

    did: Did
    public_url: str
    logged_out_reads: bool
    clock: Clock
    workers: Workers
    validator: Validator
    resolver: IdentityResolver
    access: OperatorAccess
    index: Database
    viewers: ViewerState
    papers: ViewerPapers
    actors: ActorStore
    revs: IndexedRevs
    identities: IdentityRefresher
    tokens: ViewerTokens
    pipeline: Pipeline
    feed_services: FeedServices
    feed_store: FeedStore
    feeds: NetworkFeeds
    home_pds: str
    draft_ids: TidClock
    takedowns: Takedowns
    gate: BlobGate
    hosts: RepoHosts
    labelers: Labelers
    images: Images
    cards: Cards
    blobs: Blobs
    indexer: Indexer
    ingest: Ingest
    reconciler: Reconciler
    head_starts: HeadStarts
    rebuilds: Rebuilds
    maintenance: Maintenance
    row_counts: RowCounts

    async def counts(self) -> Mapping[str, Any]:
        """Count what an operator would like to know."""
        rows = await self.row_counts.get()
        return {
            **rows,
            "cursor": self.ingest.cursor(),
            "indexer": dict(self.indexer.counts),
            "head_starts": dict(self.head_starts.counts),
            "labels_refused": self.labelers.proof.refused.total(),
        }


@asynccontextmanager
async def open_appview(
    settings: Settings,
    http: HttpClient,
    workers: Workers,
    clock: Clock,
    validator: Validator,
    inside: Inside | None = None,
) -> AsyncIterator[AppView]:
    """Open the index and what viewers keep here; begin to follow the relay."""
    inside = inside or Inside()
    paths = settings.paths
    package = files("appliance.appview")
    async with (
        await Database.open(paths.database("appview"), package / "schema", "NORMAL") as index,
        await Database.open(paths.database("viewers"), package / "schema_viewers") as viewers_db,
        ImagePool.open() as pool,
    ):
        resolver = IdentityResolver(
            http,
            settings.pds.plc_url or paths.address("directory"),
            clock.now,
            settings.network.handle_domains,
            (paths.address("pds"), *settings.relay.crawl),
            settings.neighbours_address,
        )
        actors = ActorStore(index)
        takedowns = Takedowns(viewers_db, clock.now_us)
        await takedowns.load()
        feed_store = FeedStore(viewers_db, clock.now_us)
        await feed_store.load()
        gate = BlobGate(index, actors, takedowns.subjects)
        home = {settings.pds.url: paths.address("pds")}
        hosts = RepoHosts(http, resolver, home, paths.door)
        images = Images(paths.cache / "img", gate, hosts, pool)
        viewers = ViewerState(viewers_db, clock.now_us)
        did = Did((not settings.appview.url and settings.appview.did) or settings.pds.did)
        public_url = settings.appview.public_url.rstrip("/") or settings.pds.url
        access = OperatorAccess(paths.secret("operator-token"))
        pds = XrpcClient(http, paths.address("pds"))
        feeds = NetworkFeeds(pds, access.header, public_url, feed_store, clock.now)
        labelers = Labelers.of(settings, index, World(http, resolver, validator, clock))
        standing = Standing(
            takedowns.subjects, frozenset(settings.appview.verifiers), labelers.queries.want
        )
        hydrator = Hydrator(index, viewers, MediaUrls(public_url), clock.now_us, standing)
        revs = IndexedRevs(actors, inside.haste)
        refresher = IdentityRefresher(actors, resolver, clock.now_us)
        # The writer thread compiles lexicons for itself: it must not meet the loop doing so.
        indexer = Indexer(Validator(validator.catalog), (settings.pds.url,))
        due = _Due()
        events = EventIndexer(indexer, revs.indexed, due, inside.own)
        subscribers = Subscribers(index, viewers, clock.now_us)
        backfill = Backfill(index, actors, events, hosts, subscribers, clock.now_us)
        due.wakes = (refresher.wake, backfill.wake)
        reconciler = Reconciler(index, http, paths.address("relay"), clock.now_us, backfill.wake)
        head_starts = HeadStarts(
            index, indexer, hosts, XrpcClient(http, paths.address("relay")), clock.now_us
        )
        ingest = Ingest(index, events, subscribers, clock.now_us, reconciler.wake)
        keeper = Maintenance(index, actors, indexer, viewers, clock.now_us)
        row_counts = RowCounts(index)
        follower = ingest.follower(http, paths.address("relay"))
        jobs: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("follow the relay", follower.run),
            ("refresh identities", refresher.run),
            ("fetch repos", backfill.run),
            ("compare with the relay", partial(reconciler.run, ingest.caught_up)),
            ("fetch the newest of houses", head_starts.run),
            ("tidy the index", keeper.run),
            ("count rows", row_counts.run),
            ("trim the image cache", images.trim),
            *labelers.workers(),
            ("offer feeds", partial(feeds.begin, from_the_start=settings.network.own_account)),
        )
        for name, run in jobs:
            workers.start(f"appview: {name}", run)
        yield AppView(
            did=did,
            public_url=public_url,
            logged_out_reads=settings.appview.logged_out_reads,
            clock=clock,
            workers=workers,
            validator=validator,
            resolver=resolver,
            access=access,
            index=index,
            viewers=viewers,
            papers=ViewerPapers(viewers_db),
            actors=actors,
            revs=revs,
            identities=refresher,
            tokens=ViewerTokens(did, resolver, index, clock.now),
            pipeline=Pipeline(index, viewers, hydrator),
            feed_services=FeedServices(resolver, http),
            feed_store=feed_store,
            feeds=feeds,
            home_pds=settings.pds.url,
            draft_ids=TidClock(clock.now_us),
            takedowns=takedowns,
            gate=gate,
            hosts=hosts,
            labelers=labelers,
            images=images,
            cards=Cards(http, pool, clock.now),
            blobs=Blobs(gate, hosts),
            indexer=indexer,
            ingest=ingest,
            reconciler=reconciler,
            head_starts=head_starts,
            rebuilds=Rebuilds(index, clock.now_us, backfill.wake),
            maintenance=keeper,
            row_counts=row_counts,
        )


class _Due:
    """Wakes the workers that fetch, once they exist."""

    def __init__(self) -> None:
        self.wakes: tuple[Callable[[], None], ...] = ()

    def __call__(self) -> None:
        for wake in self.wakes:
            wake()
