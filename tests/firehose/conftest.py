from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from appliance.base.database import Database
from appliance.firehose.event_log import EventLog


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.relay") / "schema"
    async with await Database.open(tmp_path / "log.sqlite", schema) as opened:
        yield opened


@pytest.fixture
def log(db: Database) -> EventLog:
    return EventLog(db)
