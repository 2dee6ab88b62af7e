"""All that has to do with labelers, built once."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from appliance.appview.labelers.proof import LabelProof
from appliance.appview.labelers.queries import LabelQueries
from appliance.appview.labelers.sources import LabelSources
from appliance.appview.labelers.streams import LabelStream, Source
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.xrpc.client import XrpcClient
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Where labelers and their keys are found."""

    http: HttpClient
    resolver: IdentityResolver
    validator: Validator
    clock: Clock


@dataclass(frozen=True)
class Labelers:
    """Whose labels are shown, the streams that are followed, and the questions to others."""

    sources: LabelSources
    proof: LabelProof
    queries: LabelQueries
    streams: dict[str, LabelStream]

    @classmethod
    def of(cls, settings: Settings, db: Database, world: World) -> "Labelers":
        """Build the parts."""
        paths = settings.paths
        operator = OperatorAccess(paths.secret("operator-token")).header
        own = XrpcClient(world.http, paths.address("labeler"))
        sources = LabelSources(own, operator, world.resolver, settings.appview.labelers)
        proof = LabelProof(world.resolver, world.validator, world.clock.now)
        streams = {
            "own": LabelStream(
                db,
                proof,
                world.http,
                Source(sources.own_did, partial(_give, paths.address("labeler")), most=None),
            )
        }
        for did in sources.chosen:
            source = Source(partial(_give, did), partial(sources.endpoint, did))
            streams[did] = LabelStream(db, proof, world.http, source)
        queries = LabelQueries(db, world.http, sources, proof, world.clock.now)
        return cls(sources, proof, queries, streams)

    def workers(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Name the background work."""
        for name, stream in self.streams.items():
            yield f"follow labels: {name}", stream.run
        yield "ask labelers", self.queries.run


async def _give(value: T) -> T:
    return value
