"""The log: numbers only grow, tailers miss nothing and see nothing twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing
from importlib.resources import files

import pytest

from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.frames import decode_frame
from appliance.base.connection import Connection
from appliance.base.database import Database, WriteFailed
from appliance.firehose import event_log
from appliance.firehose.event_log import Entry, EventLog
from appliance.firehose.events import IdentityEvent
from tests.support.waiting import until

ALICE = Did("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
BOB = Did("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb")


def write(conn: Connection, count: int, did: Did = ALICE, now_us: int = 1_000) -> list[int]:
    frame = IdentityEvent(did, "2026-01-01T00:00:00.000Z").frame()
    return [event_log.append(conn, did, "identity", frame, now_us) for _ in range(count)]


async def first(entries: AsyncIterator[Entry], count: int) -> list[Entry]:
    taken: list[Entry] = []
    async with asyncio.timeout(60):
        while len(taken) < count:
            taken.append(await anext(entries))
    return taken


def seqs(entries: list[Entry]) -> list[int]:
    return [seq for seq, _ in entries]


async def test_events_are_numbered_from_one_and_carry_their_number(
    db: Database, log: EventLog
) -> None:
    assert (log.head(), log.floor(), log.after(0)) == (0, 0, [])
    assert await db.write(write, 3) == [1, 2, 3]
    assert (log.head(), log.floor()) == (3, 0)
    assert [(seq, decode_frame(frame).body["seq"]) for seq, frame in log.after(0)] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    assert seqs(log.after(2)) == [3]


async def test_the_first_event_of_all_is_not_below_the_floor(
    db: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the writer gets between, the floor of an empty log is what it was at one moment."""
    asked: list[str] = []
    read_one = db.read_one

    def overtaken(sql: str, *args: object) -> tuple[object, ...] | None:
        row = read_one(sql, *args)
        asked.append(sql)
        written = db._writer.submit(lambda conn: write(conn, 1))
        while read_one("SELECT count(*) FROM event LIMIT 1") != (len(asked),):
            time.sleep(0.001)
        assert not written.done()
        return row

    monkeypatch.setattr(db, "read_one", overtaken)
    assert log.floor() == 0
    assert len(asked) == 1


async def test_a_tailer_gets_old_and_new_events_without_a_seam(db: Database, log: EventLog) -> None:
    await db.write(write, 300)
    entries = log.tail(10)
    assert seqs(await first(entries, 290)) == list(range(11, 301))
    for number in range(301, 306):
        await db.write(write, 1)
        assert seqs(await first(entries, 1)) == [number]


async def test_a_disk_that_refused_once_keeps_no_tailer_from_what_comes_later(
    db: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise WriteFailed("IOError")

    with monkeypatch.context() as patched:
        patched.setattr(db, "write", refused)
        with pytest.raises(WriteFailed):
            await log.next(0)
    waiting = asyncio.ensure_future(first(log.tail(0), 1))
    await asyncio.sleep(0.05)
    await db.write(write, 1)
    assert seqs(await waiting) == [1]


async def test_seven_tailers_early_and_late_see_every_event_once_and_in_order(
    db: Database,
) -> None:
    log = EventLog(db, ring_bytes=2_000)

    async def follow(cursor: int, pause: float) -> list[int]:
        await asyncio.sleep(pause)
        entries = log.tail(cursor)
        return seqs(await first(entries, 400 - cursor))

    async def produce() -> None:
        for _ in range(100):
            await asyncio.gather(*(db.write(write, 1) for _ in range(4)))

    starts = [(0, 0.0), (0, 0.01), (5, 0.02), (0, 0.05), (100, 0.1), (399, 0.0), (0, 0.3)]
    *seen, _ = await asyncio.gather(*(follow(*start) for start in starts), produce())
    assert seen == [list(range(cursor + 1, 401)) for cursor, _ in starts]


async def test_an_event_of_a_failed_write_is_never_seen_and_its_number_is_free(
    db: Database, log: EventLog
) -> None:
    def fail(conn: Connection) -> None:
        write(conn, 2)
        raise RuntimeError("no")

    entries = log.tail(0)
    await db.write(write, 1)
    with pytest.raises(RuntimeError):
        await db.write(fail)
    await db.write(write, 1)
    assert seqs(await first(entries, 2)) == [1, 2]


async def test_numbers_are_never_given_twice(db: Database, log: EventLog) -> None:
    await db.write(write, 3)
    await db.write(event_log.forget, ALICE)
    assert (log.head(), log.floor(), log.after(0)) == (3, 3, [])
    assert await db.write(write, 1) == [4]
    assert (log.head(), log.floor()) == (4, 3)


async def test_a_forgotten_account_is_in_no_replay(db: Database, log: EventLog) -> None:
    entries = log.tail(0)
    await db.write(write, 2)
    await db.write(write, 1, BOB)
    assert seqs(await first(entries, 3)) == [1, 2, 3]
    await db.write(event_log.forget, ALICE)
    await db.write(write, 1, BOB)
    assert seqs(log.after(0)) == [3, 4]
    assert seqs(await first(log.tail(0), 2)) == [3, 4]
    assert seqs(await first(entries, 1)) == [4]


async def test_the_ring_is_bounded_and_what_fell_out_comes_from_the_table(
    db: Database,
) -> None:
    log = EventLog(db, ring_bytes=1_000)
    entries = log.tail(0)
    for _ in range(40):
        await db.write(write, 2)
    assert seqs(await first(entries, 80)) == list(range(1, 81))
    assert log.held_bytes() <= 1_000
    assert seqs(log.after(0)) == list(range(1, 81))
    assert seqs(log.after(79)) == [80]


async def test_batches_are_bounded_in_bytes(db: Database, log: EventLog) -> None:
    def large(conn: Connection) -> None:
        frame = IdentityEvent(ALICE, "x" * 600_000).frame()
        for _ in range(3):
            event_log.append(conn, ALICE, "identity", frame, 1)

    await db.write(large)
    assert seqs(log.after(0)) == [1]
    assert seqs(log.after(1)) == [2]
    entries = log.tail(0)
    assert seqs(await first(entries, 3)) == [1, 2, 3]
    await db.write(large)
    assert seqs(await first(entries, 3)) == [4, 5, 6]
    assert seqs(log.after(3)) == [4]


async def test_pruning_drops_old_events_and_then_the_oldest_above_the_size(
    db: Database, log: EventLog
) -> None:
    await db.write(write, 5, ALICE, 1_000_000)
    await db.write(write, 1200, ALICE, 2_000_000)
    assert await log.prune(1_500_000, 10**9) == 5
    assert log.floor() == 5
    size = len(log.after(1204)[0][1])
    assert await log.prune(0, size * 10) == 1190
    assert seqs(log.after(0)) == list(range(1196, 1206))
    assert await log.prune(0, 10**9) == 0


async def test_a_clock_that_was_set_back_for_a_while_takes_no_older_events_along(
    db: Database, log: EventLog
) -> None:
    await db.write(write, 2, ALICE, 1_000_000)
    await db.write(write, 3, ALICE, 2_000_000)
    await db.write(write, 1, ALICE, 5)
    await db.write(write, 1, ALICE, 9_000_000)
    assert await log.prune(1_500_000, 10**9) == 2
    assert seqs(log.after(0)) == [3, 4, 5, 6, 7]
    assert await log.prune(9_000_000, 10**9) == 4
    assert seqs(log.after(0)) == [7]


async def test_every_inline_statement_is_bounded(db: Database, log: EventLog) -> None:
    await db.write(write, 2)
    log.head(), log.floor(), log.after(0)
    assert db.full_scans() == []


def test_the_pds_and_the_relay_keep_the_same_table() -> None:
    texts = {
        (files(f"appliance.{role}") / "schema" / name).read_text(encoding="utf-8")
        for role, name in [("pds", "0003_events.sql"), ("relay", "0001_events.sql")]
    }
    assert len(texts) == 1


async def test_a_cursor_is_found_by_time(db: Database, log: EventLog) -> None:
    assert log.since(1) == 0
    for time_us in (1_000, 2_000, 3_000, 4_000, 5_000):
        await db.write(write, 1, ALICE, time_us)
    times = (0, 1_000, 1_001, 3_000, 4_500, 5_000, 9_000)
    found = {time_us: log.since(time_us) for time_us in times}
    assert found == {0: 0, 1_000: 0, 1_001: 1, 3_000: 2, 4_500: 4, 5_000: 4, 9_000: 5}
    assert [log.time_of(seq) for seq in (1, 3, 7)] == [1_000, 3_000, 0]
    await db.write(write, 2, BOB, 6_000)
    await db.write(event_log.forget, ALICE)
    assert (log.since(0), log.since(6_000), log.since(6_001), log.since(7_000)) == (5, 5, 6, 7)
    assert db.full_scans() == []


async def test_events_are_apart_in_time_and_a_clock_set_right_is_believed(
    db: Database, log: EventLog
) -> None:
    late = 4_000_000_000
    for time_us in (1_000, 1_000, 900, 2_000, late, late - 1_000_000, 10_000):
        await db.write(write, 1, ALICE, time_us)
    times = [log.time_of(seq) for seq in range(1, 8)]
    assert times == [1_000, 1_256, 1_512, 2_000, late, late + 256, 10_000]


async def test_all_who_ask_at_the_same_place_share_one_batch(db: Database, log: EventLog) -> None:
    await db.write(write, 1)
    await log.next(0)  # from here on it listens, and who asks waits at once
    waiting = [asyncio.create_task(log.next(1)) for _ in range(3)]
    await asyncio.sleep(0)
    await db.write(write, 2)
    first_batch, *others = await asyncio.gather(*waiting)
    assert seqs(first_batch) == [2, 3]
    assert all(other is first_batch for other in others)
    assert all(other.messages is first_batch.messages for other in others)
    await db.write(write, 1)
    assert seqs(log.after(0)) == [1, 2, 3, 4]
    assert seqs(first_batch) == [2, 3]


async def test_what_comes_while_a_tailer_begins_to_wait_is_not_missed(
    db: Database, log: EventLog
) -> None:
    await db.write(write, 1)
    assert seqs(await log.next(0)) == [1]

    def publish() -> None:
        """Between the tailer's look and whatever it does next."""
        with closing(Connection(db.path, writable=True)) as conn:
            write(conn, 1)
        log._restart()

    waiting = asyncio.create_task(log.next(1))
    asyncio.get_running_loop().call_soon(publish)
    async with asyncio.timeout(60):
        assert seqs(await waiting) == [2]


async def test_events_of_an_account_that_is_forgotten_are_told_from_memory_no_more(
    db: Database, log: EventLog
) -> None:
    await db.write(write, 1)
    await log.next(0)
    await db.write(write, 2, ALICE)
    await db.write(write, 1, BOB)
    await until(lambda: seqs(log.after(1)) == [2, 3, 4])
    await db.write(event_log.forget, ALICE)
    await until(lambda: seqs(log.after(1)) == [4])


async def test_numbers_that_may_have_been_told_and_lost_are_left_out(
    db: Database, log: EventLog
) -> None:
    assert await db.write(write, 3) == [1, 2, 3]
    await db.write(event_log.skip_numbers)
    assert log.head() == 3 + event_log.SKIPPED
    assert await db.write(write, 1) == [4 + event_log.SKIPPED]
