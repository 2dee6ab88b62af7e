"""The relay: its parts, built once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.xrpc.client import XrpcClient
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.firehose import event_log
from appliance.firehose.event_log import EventLog
from appliance.firehose.inside import Inside
from appliance.firehose.seats import Seats
from appliance.relay import policy
from appliance.relay.accounts import AccountStore
from appliance.relay.admission import Admission
from appliance.relay.bans import BanStore
from appliance.relay.crawler import Crawler
from appliance.relay.friends import Friends
from appliance.relay.home import Home
from appliance.relay.hosts import HostStore
from appliance.relay.ingest import Ingest
from appliance.relay.jetstream.tape import Tape
from appliance.relay.lookups import Lookups
from appliance.relay.moderation import Moderation
from appliance.relay.neighbours import NeighbourHosts
from appliance.relay.peers import peers_client, read_peer
from appliance.relay.policy import Policy
from appliance.relay.quarantine import QuarantineStore
from appliance.relay.rates import Rates
from appliance.relay.reconcile import Reconciler
from appliance.relay.repair import Repairer
from appliance.relay.repairs import RepairStore
from appliance.relay.repo_collections import CollectionStore
from appliance.relay.stream_rate import StreamRate
from appliance.relay.upstream_watch import UpstreamWatch
from appliance.relay.ways import Ways
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess

HOUR_US = 3600 * 1_000_000
PRUNE_SECONDS = 3600.0


@dataclass(frozen=True)
class Relay:
    """What the relay's methods work with."""

    log: EventLog
    stream_rate: StreamRate
    seats: Seats
    tape: Tape
    upstreams: UpstreamWatch
    hosts: HostStore
    accounts: AccountStore
    collections: CollectionStore
    quarantine: QuarantineStore
    repairs: RepairStore
    bans: BanStore
    resolver: IdentityResolver
    crawler: Crawler
    ingest: Ingest
    repairer: Repairer
    reconciler: Reconciler
    moderation: Moderation
    admission: Admission
    neighbours: NeighbourHosts
    workers: Workers
    clock: Clock
    validator: Validator
    access: OperatorAccess

    async def counts(self) -> Mapping[str, Any]:
        """Count what an operator would like to know."""
        waiting, _ = await self.repairs.extent()
        standings = await self.hosts.standings()
        return {
            "hosts": standings.get("active", 0),
            "connected": self.crawler.connected(),
            "hosts_waiting": standings.get("waiting", 0),
            "hosts_banned": standings.get("banned", 0),
            "accounts": await self.accounts.count(),
            "quarantined": await self.quarantine.count(),
            "repairs": waiting,
            "seq": self.log.head(),
            "floor": self.log.floor(),
            "subscribers": self.seats.taken,
            "events": dict(self.ingest.counts),
        }


@asynccontextmanager
async def open_relay(
    settings: Settings,
    http: HttpClient,
    workers: Workers,
    clock: Clock,
    validator: Validator,
    inside: Inside | None = None,
) -> AsyncIterator[Relay]:
    """Open the relay's database and begin to follow the hosts of the settings and the known ones.

    The first host is the PDS beside it, reached over its socket.
    """
    schema = files("appliance.relay") / "schema"
    path = settings.paths.database("relay")
    # SQLite leaves its write-ahead log behind only where it was cut off.
    cut_off = path.with_name(f"{path.name}-wal").exists()
    peers = [read_peer(text) for text in settings.relay.peers]
    async with (
        await Database.open(path, schema, synchronous="NORMAL") as db,
        peers_client(peers) as peer_http,
    ):
        if cut_off:
            await db.write(event_log.skip_numbers)
        home = policy.configured(settings.pds.url)
        homes = {home.hostname: settings.paths.address("pds")}
        hosts, accounts = HostStore(db, clock), AccountStore(db)
        paired = [peer.named for peer in peers]
        chosen = [home, *paired, *map(policy.configured, settings.relay.crawl)]
        relays = [policy.configured(url) for url in settings.relay.relays]
        await hosts.configure(
            [
                *((named.hostname, named.url, False) for named in chosen),
                *((named.hostname, named.url, True) for named in relays),
            ]
        )
        resolver = IdentityResolver(
            http,
            settings.pds.plc_url or settings.paths.address("directory"),
            clock.now,
            () if settings.network.mode == "public" else settings.network.handle_domains,
            (*homes.values(), *settings.relay.crawl),
            settings.neighbours_address,
        )
        ways = Ways(
            http, homes, peer_http, {named.hostname for named in paired}, settings.paths.door
        )
        rates = Rates(clock)
        repairer = Repairer(db, ways, resolver, clock)
        lookups = Lookups(resolver, repairer.ask_status, clock)
        ingest = Ingest(db, lookups, rates, clock, (inside or Inside()).own)
        crawler = Crawler(ways, workers, hosts, ingest, rates)
        reconciler = Reconciler(db, ways, crawler, clock)
        log = EventLog(db)
        access = OperatorAccess(settings.paths.secret("operator-token"))
        pds = XrpcClient(http, homes[home.hostname])
        beside = Home(db, hosts, home, pds, access.header)
        upstreams = UpstreamWatch(http, settings.pds.relays, beside, clock)
        chosen_policy = Policy(settings.dev.allow_loopback, settings.relay.open)
        admission = Admission(hosts, BanStore(db, clock), crawler, chosen_policy, clock)
        if settings.relay.friends:
            friends = Friends(log, accounts, resolver, admission, hosts.named(home.hostname).id)
            workers.start("relay looks for friends of members", friends.run)
        crawler.start(clock)
        workers.start("relay repairs accounts", repairer.run)
        workers.start("relay compares itself with its hosts", reconciler.run)
        workers.start("relay looks whether it is seen", upstreams.run)
        workers.start("relay prunes its log", partial(_prune, log, settings, clock))
        try:
            yield Relay(
                log=log,
                stream_rate=StreamRate(log, clock),
                seats=Seats.of(settings),
                tape=Tape(log),
                upstreams=upstreams,
                hosts=hosts,
                accounts=accounts,
                collections=CollectionStore(db),
                quarantine=QuarantineStore(db),
                repairs=RepairStore(db),
                bans=BanStore(db, clock),
                resolver=resolver,
                crawler=crawler,
                ingest=ingest,
                repairer=repairer,
                reconciler=reconciler,
                moderation=Moderation(db, crawler, clock),
                admission=admission,
                neighbours=NeighbourHosts(hosts, crawler, home.hostname),
                workers=workers,
                clock=clock,
                validator=validator,
                access=access,
            )
        finally:
            log.close()


async def _prune(log: EventLog, settings: Settings, clock: Clock) -> None:
    kept_us = settings.relay.replay_hours * HOUR_US
    while True:
        await log.prune(clock.now_us() - kept_us, settings.relay.replay_bytes)
        await asyncio.sleep(PRUNE_SECONDS)
