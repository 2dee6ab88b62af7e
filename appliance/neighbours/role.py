"""Neighbours: other Hearths at home or next door. Its parts, built once; its background work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files

from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.limits import Limits, Policy
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.machine import host_name
from appliance.base.workers import Workers
from appliance.neighbours.announce import Announcer, Notice
from appliance.neighbours.cards import Card, plain
from appliance.neighbours.company import Company, Tools
from appliance.neighbours.gates import Gates
from appliance.neighbours.identities import OwnMembers
from appliance.neighbours.introductions import House, Introductions
from appliance.neighbours.keys import HouseKey
from appliance.neighbours.line import Lines
from appliance.neighbours.public_names import PublicNames
from appliance.neighbours.sightings import Sightings
from appliance.neighbours.store import NeighbourStore
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess


@dataclass(frozen=True)
class Neighbours:
    """The parts, for `xrpc`, `app` and `peer_app`."""

    house: House
    store: NeighbourStore
    sightings: Sightings
    announcer: Announcer | None
    introductions: Introductions
    company: Company
    own_members: OwnMembers
    rates: Limits
    http: HttpClient
    pds_address: str
    clock: Clock
    validator: Validator
    workers: Workers
    access: OperatorAccess = field(repr=False)


@asynccontextmanager
async def open_neighbours(
    settings: Settings, http: HttpClient, workers: Workers, clock: Clock, validator: Validator
) -> AsyncIterator[Neighbours]:
    """Open the database of paired houses; see them, and be seen, where the settings say so."""
    paths = settings.paths
    key = HouseKey(paths.secret("neighbour-key"))
    house = House(key, _card_of(settings), settings.neighbours.port, clock)
    access = OperatorAccess(paths.secret("operator-token"))
    operator = {"Authorization": access.header}
    pds_address = paths.address("pds")
    directory = PlcClient(http, settings.pds.plc_url or paths.address("directory"))
    schema = files("appliance.neighbours") / "schema"
    async with await Database.open(paths.database("neighbours"), schema) as db:
        store, lines = NeighbourStore(db), Lines(key)
        gates = Gates(paths, lines, store, clock.now_us)
        sightings = Sightings(key.fingerprint, lambda one: store.find(one) is not None, clock.now)
        names = PublicNames(store, http, clock)
        tools = Tools(store, lines, gates, sightings, names, clock)
        relay, appview = (XrpcClient(http, paths.address(name)) for name in ("relay", "appview"))
        company = Company(tools, relay, appview, operator)
        introductions = Introductions(house, lines, store, company.take_in, company.leave)
        announcer = None
        running = [
            workers.start("neighbours: pairing", introductions.run),
            workers.start("neighbours: company", company.run),
        ]
        if settings.neighbours.announce and settings.neighbours.port:
            announcer = Announcer(_notice_of(settings, key), sightings)
            running.append(workers.start("neighbours: announcing", announcer.run))
        if settings.neighbours.port:
            paths.house_key.write_text(key.fingerprint, encoding="ascii")
        try:
            yield Neighbours(
                house=house,
                store=store,
                sightings=sightings,
                announcer=announcer,
                introductions=introductions,
                company=company,
                own_members=OwnMembers(XrpcClient(http, pds_address), directory, operator),
                rates=Limits(clock.now, Policy()),
                http=http,
                pds_address=pds_address,
                clock=clock,
                validator=validator,
                workers=workers,
                access=access,
            )
        finally:
            paths.house_key.unlink(missing_ok=True)
            for worker in running:
                await worker.stop()
            await gates.close_all()
            await lines.close_all()


def _card_of(settings: Settings) -> Card:
    name = plain(settings.network.name)
    pds = settings.pds
    domains = settings.network.handle_domains or (f".{pds.hostname}",)
    return Card(name, pds.did, pds.url, domains[:8])


def _notice_of(settings: Settings, key: HouseKey) -> Notice:
    own = settings.neighbours
    return Notice(
        title=settings.network.name,
        host=own.name or host_name(settings.network.name),
        did=settings.pds.did,
        key=key.fingerprint,
        peer_port=own.port,
        web_port=settings.door.port,
    )
