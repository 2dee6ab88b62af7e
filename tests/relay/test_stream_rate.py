"""How much the relay sends on, by hour."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from appliance.atproto.syntax import Did
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import IdentityEvent
from appliance.relay.stream_rate import HOUR_US, HOURS, StreamRate
from tests.support.clock import FakeClock

ANN = Did("did:plc:ar7c4by46qjdydhdevvrndac")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.relay") / "schema"
    async with await Database.open(tmp_path / "log.sqlite", schema) as opened:
        yield opened


async def test_events_are_told_by_hour_also_of_hours_gone_by(db: Database) -> None:
    clock = FakeClock()
    rate = StreamRate(EventLog(db), clock)

    async def send(number: int) -> None:
        for _ in range(number):
            frame = IdentityEvent(ANN, "2026-01-01T00:00:00Z", None).frame()
            await db.write(event_log.append, ANN, "identity", frame, clock.now_us())

    assert [events for _, events in rate.by_hour()] == [0] * HOURS
    await send(2)
    assert [events for _, events in rate.by_hour()] == [0] * (HOURS - 1) + [2]
    clock.advance(3600)
    await send(3)
    clock.advance(2 * 3600)
    await send(1)
    told = rate.by_hour()
    assert [events for _, events in told[-4:]] == [2, 3, 0, 1]
    assert {after - before for (before, _), (after, _) in zip(told, told[1:], strict=False)} == {
        HOUR_US
    }
    clock.advance(30 * 3600)
    assert [events for _, events in rate.by_hour()] == [0] * HOURS
