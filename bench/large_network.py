"""How much memory the whole appliance takes with a large index, after pages of many kinds.

Usage: python bench/large_network.py [--accounts N | --index FILE] [--seconds S]

An account stands for 100 posts, 100 likes and 15 follows in the index; 5,000 of them take some
minutes to fill in. --index takes a copy of an index that `appview_scale` has filled.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import apsw
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.appview_scale import fill
from bench.machine import resident_mb, settle
from bench.servers import started
from bench.target import Account, Target, key, now

COMMAND = "{python} -m appliance try --port 0 --json --data "
MEMBERS = 5
FOLLOWS = 150
WORDS = ("quick fox", "lazy dog", "rain", "old town roofs")
FOLLOW = "app.bsky.graph.follow"


def questions(dids: list[str], posts: list[str]) -> list[tuple[str, dict[str, object]]]:
    """Choose a page of each kind."""
    did, post, words = (random.choice(each) for each in (dids, posts, WORDS))  # noqa: S311
    return [
        ("app.bsky.feed.getTimeline", {"limit": 50}),
        ("app.bsky.feed.getAuthorFeed", {"actor": did, "limit": 50}),
        ("app.bsky.unspecced.getPostThreadV2", {"anchor": post}),
        ("app.bsky.actor.getProfile", {"actor": did}),
        ("app.bsky.notification.listNotifications", {"limit": 50}),
        ("app.bsky.feed.searchPosts", {"q": words, "limit": 25}),
        ("app.bsky.feed.searchPosts", {"q": words, "sort": "top", "limit": 25}),
        ("app.bsky.graph.getFollowers", {"actor": did, "limit": 100}),
        ("app.bsky.actor.searchActors", {"q": "Number", "limit": 25}),
    ]


async def join(target: Target, dids: list[str]) -> list[Account]:
    """Open accounts that follow some of those in the index."""
    members = [await target.sign_up() for _ in range(MEMBERS)]
    for at, member in enumerate(members):
        for start in range(0, FOLLOWS, 75):
            numbers = range(start, start + 75)
            chosen = [dids[(at * 700 + number * 13) % len(dids)] for number in numbers]
            values = [{"$type": FOLLOW, "subject": did, "createdAt": now()} for did in chosen]
            keys = [key(number) for number in numbers]
            await target.fill(member, [(FOLLOW, *each) for each in zip(keys, values, strict=True)])
    return members


async def read(
    target: Target, members: list[Account], known: tuple[list[str], list[str]], seconds: float
) -> int:
    """Let the members read pages, all at once; give how many they were."""
    until, count = time.monotonic() + seconds, 0

    async def one(member: Account) -> None:
        nonlocal count
        while time.monotonic() < until:
            for nsid, params in questions(*known):
                await target.get(target.address(nsid, **params), member.headers)
                count += 1

    await asyncio.gather(*(one(member) for member in members))
    return count


def sample(index: Path) -> tuple[list[str], list[str]]:
    """Name accounts and posts of an index; take its place in the stream away."""
    conn = apsw.Connection(str(index))
    try:
        conn.execute("DELETE FROM stream")
        dids = [did for (did,) in conn.execute("SELECT did FROM actor ORDER BY id LIMIT 5000")]
        posts = conn.execute(
            "SELECT uri FROM subject WHERE id IN (SELECT id FROM post ORDER BY id DESC LIMIT 2000)"
        )
        return dids, [uri for (uri,) in posts]
    finally:
        conn.close()


async def measure(args: argparse.Namespace, folder: Path) -> None:
    data, index = folder / "data", args.index
    command = f"{COMMAND}{data}"
    async with started(command) as server:
        print(f"empty: {resident_mb(server.pid):.0f} MB")
    if index is None:
        print(f"{await fill(folder / 'index', args.accounts):.0f} records/s filled in")
        index = folder / "index" / "appview.sqlite"
    for left in data.glob("appview.sqlite-*"):
        left.unlink()
    shutil.copy(index, data / "appview.sqlite")
    known = sample(data / "appview.sqlite")
    async with started(command) as server:
        print(f"started with the large index: {resident_mb(server.pid):.0f} MB")
        async with Target.open(server.pds_url, server.pid, str(server.said["plc_url"])) as target:
            members = await join(target, known[0])
            await settle(server.pid)
            print(f"{MEMBERS} members joined: {resident_mb(server.pid):.0f} MB")
            count = await read(target, members, known, args.seconds)
            print(f"after {count:,} pages: {resident_mb(server.pid):.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=5000)
    parser.add_argument("--index", type=Path, help="an index that is filled already")
    parser.add_argument("--seconds", type=float, default=25.0)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        (Path(folder) / "index").mkdir()
        runner.run(measure(args, Path(folder)))


if __name__ == "__main__":
    main()
