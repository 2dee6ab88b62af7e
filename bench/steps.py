"""What each step of a createRecord costs, from the checks of the record to the AppView's index.

Usage: python bench/steps.py [count]

In one process, without HTTP, by CPU time. Posts of 300 characters into a repo of 1,000. What the
kernel spends for the disk is in the steps that commit.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.appview.event_indexer import EventIndexer
from appliance.atproto.crypto import PublicKey
from appliance.base.connection import Connection
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import CommitEvent, parse
from appliance.firehose.own_frames import OwnFrames
from appliance.firehose.verify import verify_commit
from appliance.pds.records import POST
from appliance.pds.writes import PreparedWrite
from bench.target import post_record
from tests.support.index_lab import open_lab
from tests.support.pds_stores import ALICE, Stores, open_stores

BEFORE = 1000
AT_ONCE = 32
GATHERED = 50

Read = Callable[[bytes], object]


@contextmanager
def measured(step: str, count: int) -> Iterator[None]:
    cpu = time.process_time()
    yield
    print(f"{step:60} {1e6 * (time.process_time() - cpu) / count:6.0f} us")


async def measure(count: int) -> None:
    own = OwnFrames(most_bytes=100_000_000)
    with tempfile.TemporaryDirectory() as folder:
        async with open_stores(Path(folder)) as stores:
            key = (await stores.open_repo()).public
            log = EventLog(stores.db, own=own)
            at = (await log.next(0))[-1][0]
            for write in prepared(stores, BEFORE):
                await stores.repos.write(ALICE, [write])
            with measured("record: lexicon, DAG-CBOR, CID", count):
                writes = prepared(stores, count)
            with measured("transaction, one write each: tree, signature, rows, sync", count):
                for write in writes:
                    await stores.repos.write(ALICE, [write])
            with measured(f"the same, {AT_ONCE} at once", count):
                await at_once(stores, prepared(stores, count))
            frames = []
            while batch := log.after(at):
                frames += [frame for _, frame in batch]
                at = batch[-1][0]
    newest = frames[-count:]
    ways: dict[str, Read] = {"made here": own.find, "a stranger's": parse}
    for name, read in ways.items():
        check(name, newest, read, key)
    for name, read in ways.items():
        index(name, frames, newest, read)


def prepared(stores: Stores, count: int) -> list[PreparedWrite]:
    return [
        stores.prepare.create_replacing(ALICE, POST, None, post_record(), None)
        for _ in range(count)
    ]


async def at_once(stores: Stores, writes: list[PreparedWrite]) -> None:
    for start in range(0, len(writes), AT_ONCE):
        some = writes[start : start + AT_ONCE]
        await asyncio.gather(*(stores.repos.write(ALICE, [write]) for write in some))


def read_all(frames: list[bytes], read: Read) -> list[CommitEvent]:
    events = [read(frame) for frame in frames]
    return [event for event in events if isinstance(event, CommitEvent)]


def check(name: str, frames: list[bytes], read: Read, key: PublicKey) -> None:
    """Read and verify frames as the relay does."""
    with measured(f"relay, {name}: read and verify a frame", len(frames)):
        for event in read_all(frames, read):
            verify_commit(event, None, key)


def index(name: str, frames: list[bytes], newest: list[bytes], read: Read) -> None:
    """Read and index frames as the AppView does, some in a transaction."""
    with tempfile.TemporaryDirectory() as folder, open_lab(Path(folder)) as lab:
        events = EventIndexer(lab.indexer, lambda did, rev: None, lambda: None)
        lab.conn.execute("COMMIT")
        lab.conn.pragma("journal_mode", "WAL")
        lab.conn.pragma("synchronous", "NORMAL")
        older = frames[: -len(newest)]
        apply(lab.conn, events, read_all(older, read), lab.now_us)
        with measured(f"AppView, {name}: read and index a frame, {GATHERED} at once", len(newest)):
            for start in range(0, len(newest), GATHERED):
                some = newest[start : start + GATHERED]
                apply(lab.conn, events, read_all(some, read), lab.now_us)
        lab.conn.execute("BEGIN")


def apply(conn: Connection, events: EventIndexer, some: list[CommitEvent], now_us: int) -> None:
    conn.execute("BEGIN IMMEDIATE")
    for event in some:
        events.apply(conn, event, now_us)
    events.end_batch(conn)
    conn.committed.clear()
    conn.execute("COMMIT")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
