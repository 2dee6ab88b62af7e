"""Searches, which strangers may make slow, take no thread that other scans need."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.appview.skeletons import search
from appliance.base import search_line
from appliance.base.database import (
    SECONDS_WHILE_OTHERS_WAIT,
    Connection,
    Database,
    DatabaseClosed,
    DeadlineExceeded,
)
from appliance.base.search_line import LineFull
from tests.support.appview_house import AppViewHouse
from tests.support.waiting import until

SLOW = "ServiceUnavailable"
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
    searches = [
        asyncio.ensure_future(db.search(each, deadline=3600, caller=None))
        for each in (first, second)
    ]
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
    gone = asyncio.ensure_future(db.search(slow, deadline=3600, caller=None))
    await until(slow.begun.is_set)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    second = Slow()
    search = asyncio.ensure_future(db.search(second, deadline=3600, caller=None))
    await until(second.begun.is_set)
    assert await db.scan(quick) == 1
    await db.close()
    with pytest.raises(DeadlineExceeded):
        await search


async def test_so_many_searches_wait_and_no_more(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_line, "MOST_WAITING", 2)
    slow = Slow()
    running = asyncio.ensure_future(db.search(slow, deadline=3600, caller=None))
    await until(slow.begun.is_set)
    waiting = [asyncio.ensure_future(db.search(quick, deadline=1, caller=None)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(LineFull) as refused:
        await db.search(quick, deadline=1, caller="somebody else")
    assert not refused.value.of_caller
    async with asyncio.timeout(60):
        assert await asyncio.gather(*waiting) == [1, 1]
        with pytest.raises(DeadlineExceeded):
            await running
        assert await db.search(quick, deadline=1, caller=None) == 1


async def test_searches_that_wait_end_with_the_database(db: Database) -> None:
    slow = Slow()
    running = asyncio.ensure_future(db.search(slow, deadline=3600, caller=None))
    await until(slow.begun.is_set)
    waiting = asyncio.ensure_future(db.search(quick, deadline=1, caller=None))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await db.close()
        ended = await asyncio.gather(running, waiting, return_exceptions=True)
    assert isinstance(ended[0], DeadlineExceeded)
    assert isinstance(ended[1], DatabaseClosed)


async def test_whoever_has_many_searches_waiting_keeps_nobody_else_waiting(db: Database) -> None:
    many = [
        asyncio.ensure_future(db.search(Slow(), deadline=3600, caller="did:plc:many"))
        for _ in range(200)
    ]
    await asyncio.sleep(0)
    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(60):
        assert await db.search(quick, deadline=1, caller="did:plc:other") == 1
        assert await db.search(quick, deadline=1, caller=None) == 1
    # Each waits for no more than the one that runs, which is ended after a second.
    assert asyncio.get_running_loop().time() - begun < 2 * SECONDS_WHILE_OTHERS_WAIT + 3
    refused = [each for each in many if each.done() and isinstance(each.exception(), LineFull)]
    assert len(refused) == 200 - 1 - search_line.MOST_OF_ONE_CALLER
    await db.close()
    await asyncio.gather(*many, return_exceptions=True)


async def test_an_account_with_many_searches_is_told_when_to_come_back(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(conn: Connection, *_: object) -> None:
        conn.value(FOREVER)

    monkeypatch.setattr(search, "_latest", slow)
    monkeypatch.setattr(search, "DEADLINE", 0.2)
    ann, bob = await house.write(lambda lab: [lab.account("ann"), lab.account("bob")])
    many = [
        asyncio.ensure_future(house.ask(ann, "app.bsky.feed.searchPosts", {"q": "x"}))
        for _ in range(20)
    ]
    # Not before the first are refused: all have come then.
    await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)
    found = await house.get(bob, "app.bsky.feed.searchPosts", q="x", sort="top")
    assert found["posts"] == []
    answers = await asyncio.gather(*many)
    statuses = Counter((status, value["error"]) for status, value, _ in answers)
    refused = statuses[429, "RateLimitExceeded"]
    assert refused >= 20 - 1 - search_line.MOST_OF_ONE_CALLER - 6
    assert statuses == {(429, "RateLimitExceeded"): refused, (503, SLOW): 20 - refused}
    assert {h["Retry-After"] for status, _, h in answers if status == 429} == {"5"}
