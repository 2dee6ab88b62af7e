"""What the relay can carry: commits verified, subscribers that stall, a large window, Jetstream.

Usage: python bench/relay.py verify [count] | stall [seconds] | window [bytes] | jetstream [count]
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import aiohttp

from appliance.atproto.cbor import encode
from appliance.atproto.repo.repo import RecordWrite
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import CommitEvent, parse
from appliance.firehose.verify import verify_commit
from appliance.relay.jetstream.items import items_of
from bench.index_posts import record
from tests.relay.conftest import Lab, LateClock, Running
from tests.support.hosts import FakeAccount, FakeDirectory, fake_host

ACCOUNTS = 16
BEFORE = 200
BATCH = 256
READERS = 100
STALLED = 100
RATE = 300
TIME = "2026-01-01T00:00:00.000Z"


@asynccontextmanager
async def open_lab() -> AsyncIterator[Lab]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "run").mkdir()
        async with (
            FakeDirectory().serve() as directory,
            fake_host(path / "home.sqlite", path / "run" / "pds.sock") as home,
        ):
            yield Lab(path, LateClock(), directory, home)


def make_frames(accounts: list[FakeAccount], count: int) -> list[bytes]:
    """Make a commit of 200 records for each account, then as many of one post as asked for."""
    slices = []
    for account in accounts:
        writes = [
            RecordWrite("create", f"app.bsky.feed.post/3a{n:011}", encode(record("post", n)))
            for n in range(BEFORE)
        ]
        slices.append(account.commit(*writes))
    for number in range(count):
        account = accounts[number % len(accounts)]
        path = f"app.bsky.feed.post/3b{number:011}"
        slices.append(account.commit(RecordWrite("create", path, encode(record("post", number)))))
    events = [CommitEvent.of(news, TIME) for news in slices]
    return [replace(event, seq=seq).frame() for seq, event in enumerate(events, 1)]


def names(count: int) -> list[str]:
    return [f"bench{chr(97 + number)}" for number in range(count)]


async def verify(count: int) -> None:
    """Verify commits: by themselves, and through the whole relay up to its log on the disk."""
    async with open_lab() as lab:
        accounts = [lab.account(name) for name in names(ACCOUNTS)]
        frames = make_frames(accounts, count)
        first, rest = frames[:ACCOUNTS], frames[ACCOUNTS:]
        keys = {account.did: account.key.public for account in accounts}
        cpu, started = time.process_time(), time.perf_counter()
        for frame in rest:
            event = parse(frame)
            assert isinstance(event, CommitEvent)
            verify_commit(event, None, keys[event.did])
        _tell("the checks alone", count, started, time.process_time() - cpu)
        async with lab.relay() as running:
            await _take(running, first)
            cpu, started = time.process_time(), time.perf_counter()
            await _take(running, rest)
            _tell("into the log", count, started, time.process_time() - cpu)
            assert running.role.log.head() == len(frames)
            assert running.role.ingest.counts["published"] == len(frames)


async def follow(count: int) -> None:
    """The same, with the host's stream read over its socket; serving that is counted, too."""
    async with open_lab() as lab:
        accounts = [lab.account(name) for name in names(ACCOUNTS)]
        for frame in make_frames(accounts, count):
            event = parse(frame)
            assert isinstance(event, CommitEvent)
            await lab.home.tell(event)
        cpu, started = time.process_time(), time.perf_counter()
        async with lab.relay() as running:
            while running.role.log.head() < count + ACCOUNTS:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            _tell("over a socket into the log", count, started, time.process_time() - cpu)
            assert running.role.ingest.counts["published"] == count + ACCOUNTS


async def _take(running: Running, frames: list[bytes]) -> None:
    for start in range(0, len(frames), BATCH):
        host = running.role.hosts.by_id(1)
        await running.role.ingest.take(host, frames[start : start + BATCH])


async def jetstream(count: int) -> None:
    """Translate commits of one post to JSON, in both dialects, and compress them."""
    frames = make_frames([FakeAccount(name, Clock()) for name in names(ACCOUNTS)], count)
    cpu, started, size = time.process_time(), time.perf_counter(), 0
    for seq, frame in enumerate(frames[ACCOUNTS:], 1):
        for item in items_of(seq, seq * 1000, frame):
            size += len(item.legacy_json)
    _tell(f"as JSON of {size // count} bytes", count, started, time.process_time() - cpu)
    cpu, started, size = time.process_time(), time.perf_counter(), 0
    for seq, frame in enumerate(frames[ACCOUNTS:], 1):
        for item in items_of(seq, seq * 1000, frame):
            size += len(item.legacy_compressed)
    _tell(f"as zstd of {size // count} bytes", count, started, time.process_time() - cpu)


async def window(size: int) -> None:
    """Open a log of some bytes; find places in it."""
    frame = encode({"op": 1, "t": "#identity"}) + encode({"seq": 0, "x": b"." * 4000})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "relay.sqlite"
        schema = files("appliance.relay") / "schema"
        made = size // len(frame)
        async with await Database.open(path, schema, synchronous="NORMAL") as db:
            for start in range(0, made, 20_000):
                await db.write(_fill, frame, min(20_000, made - start))
        started = time.perf_counter()
        async with await Database.open(path, schema, synchronous="NORMAL") as db:
            log = EventLog(db)
            head, floor = log.head(), log.floor()
            batch = await log.next(0)
            opened = time.perf_counter() - started
            at = log.since(log.time_of(made // 2))
            found = time.perf_counter() - started - opened
            print(
                f"{path.stat().st_size / 1e9:.2f} GB, {head - floor} events:"
                f" opened and {len(batch)} events read in {1000 * opened:.1f} ms,"
                f" a time found (event {at}) in {1000 * found:.1f} ms"
            )
            started = time.perf_counter()
            gone = await log.prune(0, path.stat().st_size - 300_000_000)
            print(f"pruned {gone} events in {time.perf_counter() - started:.1f} s")


def _fill(conn: Connection, frame: bytes, count: int) -> None:
    did = FakeAccount("filler", Clock()).did
    for _ in range(count):
        event_log.append(conn, did, "identity", frame, time.time_ns() // 1000)


async def stall(seconds: float) -> None:
    """Serve 200 subscribers, of whom 100 take nothing; tell memory and how late the others are."""
    async with open_lab() as lab:
        alice = lab.account("alice")
        await lab.home.tell_commit(alice.commit())
        async with lab.relay() as running:
            arguments = [__file__, "listen", str(running.server.port), str(seconds)]
            clients = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
            )
            assert clients.stdout is not None
            await clients.stdout.readline()
            before, cpu = resident_self(), time.process_time()
            frame = encode({"op": 1, "t": "#identity"})
            events, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                body = {"seq": 0, "at": time.time_ns(), "x": b"." * 4000}
                await running.role.accounts._db.write(_append, alice, frame + encode(body))
                events += 1
                await asyncio.sleep(max(0.0, started + events / RATE - time.perf_counter()))
            grown, cpu = resident_self() - before, time.process_time() - cpu
            print(f"{events} events of 4 kB; the server grew by {grown:.1f} MB, CPU {cpu:.1f} s")
            print((await clients.stdout.read()).decode().strip())
            await clients.wait()


def resident_self() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _append(conn: Connection, account: FakeAccount, frame: bytes) -> None:
    event_log.append(conn, account.did, "identity", frame, time.time_ns() // 1000)


async def listen(port: int, seconds: float) -> None:
    """Be the subscribers, in a process of their own."""
    url = f"http://127.0.0.1:{port}/xrpc/com.atproto.sync.subscribeRepos"
    late: list[float] = []

    async def read(ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            at = message.data.index(b"bat\x1b") + 4
            sent = int.from_bytes(message.data[at : at + 8], "big")
            late.append((time.time_ns() - sent) / 1e9)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        sockets = [await session.ws_connect(url, max_msg_size=0) for _ in range(READERS)]
        for _ in range(STALLED):
            ws = await session.ws_connect(url, max_msg_size=0)
            transport = ws._response.connection and ws._response.connection.transport
            assert isinstance(transport, asyncio.ReadTransport)
            transport.pause_reading()
            sockets.append(ws)
        tasks = [asyncio.ensure_future(read(ws)) for ws in sockets[:READERS]]
        print("ready", flush=True)
        await asyncio.sleep(seconds + 1)
        for task in tasks:
            task.cancel()
    late.sort()
    middle, last = late[len(late) // 2], late[-1]
    print(
        f"{READERS} readers heard {len(late)} events,"
        f" {1000 * middle:.1f} ms late in the middle, {1000 * last:.1f} ms at most"
    )


def _tell(what: str, count: int, started: float, cpu: float) -> None:
    seconds = time.perf_counter() - started
    print(f"{what}: {count / seconds:.0f} /s, {1e6 * cpu / count:.0f} us CPU each")


def main() -> None:
    what, *rest = sys.argv[1:] or ["verify"]
    match what:
        case "verify":
            asyncio.run(verify(int(rest[0]) if rest else 8000))
            asyncio.run(follow(int(rest[0]) if rest else 8000))
        case "jetstream":
            asyncio.run(jetstream(int(rest[0]) if rest else 8000))
        case "window":
            asyncio.run(window(int(rest[0]) if rest else 5_000_000_000))
        case "stall":
            asyncio.run(stall(float(rest[0]) if rest else 20.0))
        case "listen":
            asyncio.run(listen(int(rest[0]), float(rest[1])))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
