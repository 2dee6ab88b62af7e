"""Searches, which strangers may make slow, take no thread that other scans need."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.base import database
from appliance.base.database import Connection, Database, DatabaseClosed, DeadlineExceeded
from tests.support.waiting import until

FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_note.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY) STRICT;")
    async with await Database.open(tmp_path / "d.sqlite", folder) as opened:
        yield opened


class Slow:
    """A search without end; it says when it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def __call__(self, conn: Connection) -> None:
        self.begun.set()
        conn.value(FOREVER)


def quick(conn: Connection) -> int:
    return int(conn.value("SELECT 1"))


async def test_slow_searches_leave_a_thread_to_other_scans(db: Database) -> None:
    first, second = Slow(), Slow()
    searches = [asyncio.ensure_future(db.search(each, deadline=3600)) for each in (first, second)]
    await until(first.begun.is_set)
    async with asyncio.timeout(60):
        assert [await db.scan(quick) for _ in range(10)] == [1] * 10
    assert not searches[1].done()
    # The one that is waited for has been ended; the other has its time, for nobody waits now.
    async with asyncio.timeout(60):
        with pytest.raises(DeadlineExceeded):
            await searches[0]
    await until(second.begun.is_set)
    assert await db.scan(quick) == 1
    await db.close()
    with pytest.raises(DeadlineExceeded):
        await searches[1]


async def test_a_search_whose_caller_has_gone_keeps_the_next_waiting(db: Database) -> None:
    slow = Slow()
    gone = asyncio.ensure_future(db.search(slow, deadline=3600))
    await until(slow.begun.is_set)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    second = Slow()
    search = asyncio.ensure_future(db.search(second, deadline=3600))
    await until(second.begun.is_set)
    assert await db.scan(quick) == 1
    await db.close()
    with pytest.raises(DeadlineExceeded):
        await search


async def test_so_many_searches_wait_and_no_more(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_SEARCHES_WAITING", 2)
    slow = Slow()
    running = asyncio.ensure_future(db.search(slow, deadline=3600))
    await until(slow.begun.is_set)
    waiting = [asyncio.ensure_future(db.search(quick, deadline=1)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded):
        await db.search(quick, deadline=1)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*waiting) == [1, 1]
        with pytest.raises(DeadlineExceeded):
            await running
        assert await db.search(quick, deadline=1) == 1


async def test_searches_that_wait_end_with_the_database(db: Database) -> None:
    slow = Slow()
    running = asyncio.ensure_future(db.search(slow, deadline=3600))
    await until(slow.begun.is_set)
    waiting = asyncio.ensure_future(db.search(quick, deadline=1))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await db.close()
        ended = await asyncio.gather(running, waiting, return_exceptions=True)
    assert isinstance(ended[0], DeadlineExceeded)
    assert isinstance(ended[1], DatabaseClosed)
