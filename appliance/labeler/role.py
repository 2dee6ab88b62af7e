"""The labeler: its parts, built once; its background work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.xrpc.client import XrpcClient
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.secret_files import read_or_create
from appliance.base.workers import Workers
from appliance.firehose.event_log import EventLog
from appliance.firehose.seats import Seats
from appliance.labeler.definitions import Definitions
from appliance.labeler.identity import LabelerIdentity, Place
from appliance.labeler.labels import LabelStore
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess


@dataclass(frozen=True)
class Labeler:
    """The parts of the labeler, for `xrpc` and `app`."""

    access: OperatorAccess = field(repr=False)
    clock: Clock
    workers: Workers
    validator: Validator
    identity: LabelerIdentity
    labels: LabelStore
    definitions: Definitions
    log: EventLog
    seats: Seats
    pds: XrpcClient


@asynccontextmanager
async def open_labeler(
    settings: Settings, http: HttpClient, workers: Workers, clock: Clock, validator: Validator
) -> AsyncIterator[Labeler]:
    """Open the labeler's database; be known under the network's account."""
    paths = settings.paths
    schema = files("appliance.labeler") / "schema"
    async with await Database.open(paths.database("labeler"), schema) as db:
        secret = paths.secret("label-key")
        text = read_or_create(secret, lambda: PrivateKey.generate().to_bytes().hex())
        key = PrivateKey.from_bytes("k256", bytes.fromhex(text))
        access = OperatorAccess(paths.secret("operator-token"))
        pds = XrpcClient(http, paths.address("pds"))
        definitions = Definitions(db)
        url = settings.labeler.public_url.rstrip("/") or settings.pds.url
        place = Place(url, key.public, settings.network.name)
        identity = LabelerIdentity(pds, access.header, place, definitions, clock)
        take_up = partial(identity.take_up, from_the_start=settings.network.own_account)
        worker = workers.start("labeler: be known", take_up)
        try:
            yield Labeler(
                access=access,
                clock=clock,
                workers=workers,
                validator=validator,
                identity=identity,
                labels=LabelStore(db, clock, key),
                definitions=definitions,
                log=EventLog(db),
                seats=Seats.of(settings),
                pds=pds,
            )
        finally:
            await worker.stop()
