"""How long after the answer to a write its post is in another member's timeline.

Usage: python bench/visible.py [--writes PER_SECOND] [--seconds S]

Ten accounts write at a steady rate, whatever the answers take; a reader follows all of them. From
the moment of an answer the reader's timeline is asked until it has the post; then for the next.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.load import percentile
from bench.servers import OURS, started
from bench.target import POST, Account, Target, now, post_record

WRITERS = 10
LONGEST_SECONDS = 2.0


async def write(target: Target, writer: Account) -> str:
    """Write a post; give its address."""
    body = {"repo": writer.did, "collection": POST, "record": post_record()}
    url = target.address("com.atproto.repo.createRecord")
    return str(orjson.loads(await target.post(url, orjson.dumps(body), writer.headers))["uri"])


async def seen_after(target: Target, reader: Account, uri: str) -> float:
    """Ask for the reader's timeline until it has a post; give the seconds until the answer."""
    url = target.address("app.bsky.feed.getTimeline", limit=30)
    answered = time.perf_counter()
    while time.perf_counter() - answered < LONGEST_SECONDS:
        if uri.encode() in await target.get(url, reader.headers):
            return time.perf_counter() - answered
    return LONGEST_SECONDS


async def measure(per_second: int, seconds: float) -> None:
    """Write at a rate and print how soon the reader sees it."""
    async with (
        started(OURS) as server,
        Target.open(server.pds_url, server.pid, str(server.said["plc_url"])) as target,
    ):
        reader, *writers = await target.crowd(WRITERS + 1)
        for writer in writers:
            follow = {"subject": writer.did, "createdAt": now(), "$type": "app.bsky.graph.follow"}
            body = {"repo": reader.did, "collection": follow["$type"], "record": follow}
            url = target.address("com.atproto.repo.createRecord")
            await target.post(url, orjson.dumps(body), reader.headers)
        took: list[float] = []
        wrote: list[float] = []
        looking = asyncio.Lock()

        async def one(number: int) -> None:
            begun = time.perf_counter()
            uri = await write(target, writers[number % WRITERS])
            wrote.append(time.perf_counter() - begun)
            if not looking.locked():
                async with looking:
                    took.append(await seen_after(target, reader, uri))

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(per_second * seconds)):
                await asyncio.sleep(begun + number / per_second - time.perf_counter())
                group.create_task(one(number))
        rate = len(wrote) / (time.perf_counter() - begun)
        p50, p99 = (1000 * percentile(took, share) for share in (0.5, 0.99))
        late = 1000 * percentile(wrote, 0.99)
        print(
            f"{rate:.0f} writes/s; in another's timeline p50 {p50:.1f} ms, p99 {p99:.1f} ms after"
            f" the answer ({len(took)} posts); the write itself p99 {late:.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--writes", type=int, default=100, help="per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(args.writes, args.seconds))


if __name__ == "__main__":
    main()
