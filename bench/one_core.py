"""Everything that a network has to carry on one core with 1 GB: writes, reads, strangers.

Usage: python bench/one_core.py writes | reads FOLDER | strangers    as root, with cgroups (v1)

The server is in a control group of its own; who asks is not. Calls begin when they are due,
whether or not those before are answered, and their times count from then.

writes: 60 posts a second for a minute, then as many as 32 connections get in.
reads: FOLDER is a network that `growth.py --data` made; 200 getRecord and 20 timelines a second.
strangers: 2,000 accounts at 50 hosts, all followed by a member; 150 posts a second for a minute,
1,500 for another; then the network is away while they write 100,000.
"""

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.firehose.events import CommitEvent, parse
from bench.load import closed_loop, percentile
from bench.machine import control_group, cpu_seconds, resident_mb, settle
from bench.servers import Server, started
from bench.strangers import Strangers, strangers
from bench.target import POST, Account, Target, key, now, post_record

MEMORY = 1 << 30
SECONDS = 60.0
WRITES, MOST_WRITERS, WRITERS = 60, 32, 8
GETS, TIMELINES = 200, 20
HOSTS, AT_EACH = 50, 40
STEADY, BURST, MISSED = 150, 1500, 100_000
LOOK_SECONDS = 2.0
TICK, MOST_AT_ONCE = 0.01, 50
PATIENCE = 1800.0
FOLLOW = "app.bsky.graph.follow"


@asynccontextmanager
async def one_core(data: Path, *words: str) -> AsyncIterator[tuple[Server, Target]]:
    """Start a network on one core with 1 GB."""
    with control_group(MEMORY, 1.0) as places:
        enter = "; ".join(f"echo $$ >{place}/cgroup.procs" for place in places)
        begin = " ".join(["-m appliance try --port 0 --json --data", str(data), *words])
        command = f"sh -c '{enter}; exec {{python}} {begin}'"
        async with started(command) as server:
            plc = str(server.said["plc_url"])
            async with Target.open(server.pds_url, server.pid, plc) as target:
                began, at = cpu_seconds(server.pid), time.perf_counter()
                yield server, target
                share = (cpu_seconds(server.pid) - began) / (time.perf_counter() - at)
                print(f"  ({share:.2f} of the core, {resident_mb(server.pid):.0f} MB at the end)")


async def at_a_rate(rate: float, seconds: float, one: Callable[[], Awaitable[object]]) -> str:
    """Begin calls when they are due; tell how long they took from then."""
    took: list[float] = []

    async def call(due: float) -> None:
        await one()
        took.append(time.perf_counter() - due)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(call(due))
    whole = time.perf_counter() - start
    p50, p95, p99 = (1000 * percentile(took, share) for share in (0.5, 0.95, 0.99))
    return f"{len(took) / whole:.0f}/s, p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms"


async def writes(folder: Path) -> None:
    async with one_core(folder / "data") as (server, target):
        members = await target.crowd(WRITERS)
        turn, url = itertools.cycle(members), target.address("com.atproto.repo.createRecord")

        async def write(_client: int = 0) -> None:
            one = next(turn)
            body = {"repo": one.did, "collection": POST, "record": post_record()}
            await target.post(url, orjson.dumps(body), one.headers)

        await settle(server.pid)
        print("posts as they are due:", await at_a_rate(WRITES, SECONDS, write))
        most = await closed_loop(server.pid, MOST_WRITERS, SECONDS / 2, write)
        print(f"posts by {MOST_WRITERS} connections: {most.rate:.0f}/s, p99 {most.p99_ms:.0f} ms")


async def reads(network: Path) -> None:
    dids = orjson.loads((network / "members.json").read_bytes())
    async with one_core(network) as (server, target):
        some = dids[:: max(1, len(dids) // 50)]
        members = [await sign_in(target, did) for did in some]
        each, turn = itertools.cycle(members), itertools.cycle(dids)
        number = itertools.count()

        async def get() -> None:
            rkey = key(3 * (next(number) * 7 % 300) + 30)
            asked = {"repo": next(turn), "collection": POST, "rkey": rkey}
            await target.get(target.address("com.atproto.repo.getRecord", **asked))

        async def timeline() -> None:
            url = target.address("app.bsky.feed.getTimeline", limit=50)
            await target.get(url, next(each).headers)

        await settle(server.pid)
        found = await asyncio.gather(
            at_a_rate(GETS, SECONDS, get), at_a_rate(TIMELINES, SECONDS, timeline)
        )
        for name, told in zip(("getRecord", "timelines"), found, strict=True):
            print(f"{name}: {told}")


async def sign_in(target: Target, did: str) -> Account:
    body = orjson.dumps({"identifier": did, "password": "correct horse battery"})
    url = target.address("com.atproto.server.createSession")
    token = orjson.loads(await target.post(url, body))["accessJwt"]
    return Account(did, {"Authorization": f"Bearer {token}"})


class Listener:
    """Reads the relay's stream; knows what of the strangers' posts has come, and how late."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.late: list[float] = []
        self.seq = 0

    async def run(self, url: str) -> None:
        """Read for ever, on from where it was."""
        async with aiohttp.ClientSession() as http:
            address = f"{url}/xrpc/com.atproto.sync.subscribeRepos?cursor={self.seq}"
            async with http.ws_connect(address, max_msg_size=0, compress=0) as socket:
                async for message in socket:
                    event = parse(message.data)
                    self.seq = event.seq
                    if isinstance(event, CommitEvent) and event.rev in self.sent:
                        self.late.append(time.perf_counter() - self.sent.pop(event.rev))

    async def has_all(self) -> bool:
        """Wait until nothing is missing; False if something never comes."""
        for _ in range(int(PATIENCE / 0.05)):
            if not self.sent:
                return True
            await asyncio.sleep(0.05)
        return False


async def live(crowd: Strangers, listener: Listener, appview: str, rate: float) -> None:
    """Have strangers post at a rate; look how late the stream and the pages are."""
    listener.late.clear()
    visible: list[float] = []
    start, count = time.perf_counter(), int(rate * SECONDS)

    async def look(uri: str) -> None:
        since = time.perf_counter()
        await shown(appview, uri, 0.05)
        visible.append(time.perf_counter() - since)

    done = 0
    async with asyncio.TaskGroup() as group:
        while done < count:
            passed = time.perf_counter() - start
            due = min(count, int(passed * rate) + 1, done + MOST_AT_ONCE)
            for number in range(done, due):
                uri, rev = crowd.post()
                listener.sent[rev] = time.perf_counter()
                if number % int(rate * LOOK_SECONDS) == 0:
                    group.create_task(look(uri))
            done = due
            # Hosts and subscriber are in this process: they want their turn, also when it is late.
            await asyncio.sleep(TICK)
        wrote = time.perf_counter() - start
    lost = "none lost" if await listener.has_all() else f"{len(listener.sent)} lost"
    p50, p99 = (1000 * percentile(listener.late, share) for share in (0.5, 0.99))
    print(
        f"{count / wrote:.0f} posts/s: {lost}; at a subscriber after {p50:.0f} (p50),"
        f" {p99:.0f} ms (p99), on a page after {1000 * percentile(visible, 0.5):.0f} (p50),"
        f" {1000 * max(visible):.0f} ms (most)"
    )


async def shown(appview: str, uri: str, pause: float) -> None:
    """Wait until the AppView shows a post."""
    url = f"{appview}/xrpc/app.bsky.feed.getPosts"
    async with aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE):
        while True:
            async with http.get(url, params={"uris": uri}) as answer:
                answer.raise_for_status()
                if (await answer.json())["posts"]:
                    return
            await asyncio.sleep(pause)


async def follow_all(target: Target, dids: list[str]) -> Account:
    member = await target.sign_up()
    for start in range(0, len(dids), 200):
        some = enumerate(dids[start : start + 200], start)
        records = [
            (FOLLOW, key(number), {"$type": FOLLOW, "subject": did, "createdAt": now()})
            for number, did in some
        ]
        await target.fill(member, records)
    return member


async def of_strangers(folder: Path) -> None:
    listener = Listener()
    async with strangers(HOSTS) as crowd:
        followed = [word for each in crowd.hosts for word in ("--crawl", each.url)]
        async with one_core(folder / "data", *followed) as (server, target):
            await crowd.settle(str(server.said["plc_url"]), AT_EACH)
            for _ in crowd.dids:
                crowd.post()
            await follow_all(target, crowd.dids)
            await settle(server.pid)
            listening = asyncio.create_task(listener.run(str(server.said["relay_url"])))
            for rate in (STEADY, BURST):
                await live(crowd, listener, str(server.said["appview_url"]), rate)
            listening.cancel()
        listener.late.clear()
        for _ in range(MISSED):
            uri, rev = crowd.post()
            listener.sent[rev] = 0.0
        start = time.perf_counter()
        async with one_core(folder / "data", *followed) as (server, _):
            listening = asyncio.create_task(listener.run(str(server.said["relay_url"])))
            all_there = await listener.has_all()
            relayed = time.perf_counter() - start
            await shown(str(server.said["appview_url"]), uri, 0.5)
            seen = time.perf_counter() - start
            listening.cancel()
    print(
        f"away for {MISSED:,} posts: {'all' if all_there else 'NOT all'} relayed {relayed:.0f} s"
        f" after the start began, the last one on its page after {seen:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["writes", "reads", "strangers"])
    parser.add_argument("network", nargs="?", type=Path, help="for reads: what growth.py made")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(
            {
                "writes": lambda: writes(Path(folder)),
                "reads": lambda: reads(args.network),
                "strangers": lambda: of_strangers(Path(folder)),
            }[args.what]()
        )


if __name__ == "__main__":
    main()
