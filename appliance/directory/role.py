"""Directory: the did:plc directory of a network that uses no other."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

from appliance.atproto.lexicon.validate import Validator
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.base.workers import Workers, WorkerStatus
from appliance.directory.operations import OperationStore
from appliance.settings import Settings
from appliance.upkeep.operator_access import OperatorAccess


@dataclass(frozen=True)
class Directory:
    """The parts of the directory, built once."""

    operations: OperationStore
    validator: Validator
    workers: Callable[[], Sequence[WorkerStatus]]
    access: OperatorAccess


@asynccontextmanager
async def open_directory(
    settings: Settings, http: HttpClient, workers: Workers, clock: Clock, validator: Validator
) -> AsyncIterator[Directory]:
    """Open the directory's database and build its parts; it needs no http and no workers."""
    schema = files("appliance.directory") / "schema"
    async with await Database.open(settings.paths.database("directory"), schema) as db:
        operations = OperationStore(db, clock.now_us)
        access = OperatorAccess(settings.paths.secret("operator-token"))
        yield Directory(operations, validator, workers.status, access)
