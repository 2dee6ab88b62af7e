"""How many of everything the index holds."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from appliance.appview import row_counts
from appliance.appview.row_counts import RowCounts
from appliance.base.database import Connection, Database
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.appview") / "schema"
    async with await Database.open(tmp_path / "index.sqlite", schema) as opened:
        yield opened


def add(conn: Connection, number: int) -> None:
    conn.execute(
        "INSERT INTO record (actor_id, collection_id, rkey, cid) VALUES (1, 1, ?, x'00')",
        (str(number),),
    )


async def posts(counts: RowCounts) -> int:
    found = await counts.get()
    number: int = found["records"].get("app.bsky.feed.post", 0)
    return number


async def test_a_small_index_is_counted_whenever_somebody_asks(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is small on a machine that has much else to do.
    monkeypatch.setattr(row_counts, "SOON_COUNTED", 60.0)
    counts = RowCounts(index)
    for number in range(3):
        assert await posts(counts) == number
        await index.write(add, number)


async def test_nobody_waits_for_a_large_index_to_be_counted(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_counts, "SOON_COUNTED", -1.0)
    monkeypatch.setattr(row_counts, "PAUSE_SECONDS", 0.01)
    counts = RowCounts(index)
    assert await posts(counts) == 0
    await index.write(add, 1)
    assert await posts(counts) == 0
    worker = asyncio.ensure_future(counts.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await posts(counts) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    worker.cancel()


async def test_counting_takes_a_hundredth_of_a_core_at_most(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = RowCounts(index)
    await counts.get()
    assert counts.pause() == row_counts.PAUSE_SECONDS
    monkeypatch.setattr(counts, "_took", 3.5)
    assert counts.pause() == 350
