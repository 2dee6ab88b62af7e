"""What a page of the AppView costs as the network grows, and how much memory it takes.

Usage: python bench/appview_scale.py [--json FILE] [FACTOR...]

A factor of 1 is 50 accounts, 5,000 posts, 750 follows and 5,000 likes, written straight into the
index; pages are asked of the handlers, without HTTP, so that the cost of the index shows.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.appview.hydrate.hydration import SignedIn, Viewer
from appliance.appview.hydrate.ids import actor_id
from appliance.appview.index import post_text
from appliance.appview.role import AppView
from appliance.appview.xrpc import app_bsky_actor as actor
from appliance.appview.xrpc import app_bsky_feed as feed
from appliance.appview.xrpc import app_bsky_feed_search as searches
from appliance.appview.xrpc import app_bsky_notification as told
from appliance.appview.xrpc import app_bsky_unspecced_threads as threads
from appliance.atproto.syntax import AtUri, Did
from bench.machine import resident_mb
from tests.support.appview_house import open_house
from tests.support.index_lab import IndexLab, StrongRef

PEOPLE, POSTS, FOLLOWS = 50, 100, 15
PER_WRITE = 250
MOST_KEPT = 20_000
CALLS = 60
WORDS = ("quick brown fox lazy dog rain falls on old town roofs while we wait for the bus " * 8)[
    :280
]
T = TypeVar("T")
Page = Callable[[], Awaitable[Any]]


def grow(lab: IndexLab, people: int) -> Iterator[None]:
    """Write the whole society, a few records at a time."""
    lab.flushes = False
    for number, _ in enumerate(_records(lab, people), start=1):
        if number % PER_WRITE == 0:
            post_text.flush(lab.conn)
            lab.indexer.take_new_posts()
            yield
    post_text.flush(lab.conn)


def _records(lab: IndexLab, people: int) -> Iterator[StrongRef]:
    posts: list[StrongRef] = []
    names = (f"p{number:06}".translate(str.maketrans("0189", "wxyz")) for number in range(people))
    dids = [lab.account(name) for name in names]
    for at, did in enumerate(dids):
        yield lab.profile(did, f"Number {at}")
        for step in range(1, FOLLOWS + 1):
            yield lab.follow(did, dids[(at + step) % people])
    for number in range(POSTS):
        for at, did in enumerate(dids):
            post = lab.post(did, f"{number} {at} {WORDS}")
            if len(posts) == MOST_KEPT:
                posts.pop()
            posts.append(post)
            yield post
    for at, did in enumerate(dids):
        for step in range(POSTS):
            yield lab.like(did, posts[(at * 37 + step * 13) % len(posts)])
    for did in dids[:FOLLOWS]:
        yield lab.reply(did, posts[-1])


def pages(role: AppView, viewer: SignedIn, other: Did, post: AtUri) -> dict[str, Page]:
    """Give the pages to be asked, by name."""
    nothing = dict.fromkeys(
        ("since", "until", "mentions", "author", "lang", "domain", "url", "tag", "cursor")
    )

    def search(sort: str) -> Page:
        return lambda: searches.search_posts(
            role, viewer, q="quick fox", sort=sort, limit=25, **nothing
        )

    return {
        "timeline": lambda: feed.get_timeline(role, viewer, algorithm=None, limit=50, cursor=None),
        "author feed": lambda: feed.get_author_feed(
            role,
            viewer,
            actor=other,
            limit=50,
            cursor=None,
            filter="posts_and_author_threads",
            include_pins=True,
        ),
        "thread": lambda: threads.get_post_thread_v2(
            role, viewer, anchor=post, above=True, below=6, branching_factor=10, sort="top"
        ),
        "profile": lambda: actor.get_profile(role, viewer, actor=other),
        "notifications": lambda: told.list_notifications(
            role, viewer, reasons=None, limit=50, priority=None, cursor=None, seen_at=None
        ),
        "search": search("latest"),
        "search, top": search("top"),
    }


async def fill(folder: Path, people: int) -> float:
    """Fill an index; give how many records it took a second."""
    async with open_house(folder) as house:
        steps: list[Iterator[None]] = []
        await house.write(lambda lab: steps.append(grow(lab, people)))
        started = time.perf_counter()
        while await house.write(lambda _: next(steps[0], False)) is not False:
            pass
        return people * (POSTS * 2 + FOLLOWS + 1) / (time.perf_counter() - started)


async def ask(folder: Path) -> dict[str, float]:
    """Ask an index for pages; give milliseconds of CPU by page, and what it holds."""
    async with open_house(folder) as house:
        role = house.role
        (first, other), (last,) = _uris(role, "ASC", 2), _uris(role, "DESC", 1)
        did = Did(first.authority)
        viewer = SignedIn(Viewer(did, actor_id(role.index, did)), ())
        found: dict[str, float] = {}
        for name, page in pages(role, viewer, Did(other.authority), last).items():
            for _ in range(5):
                await page()
            started = time.process_time()
            for _ in range(CALLS):
                orjson.dumps(await page())
            found[name] = 1000 * (time.process_time() - started) / CALLS
        found["resident MB"] = resident_mb(os.getpid())
        found["index MB"] = sum(map(_size, ("", "-wal"), [role.index.path] * 2)) / 1e6
        return found


def _uris(role: AppView, order: str, count: int) -> list[AtUri]:
    rows = role.index.read(
        f"SELECT uri FROM post JOIN subject USING (id) WHERE parent_id IS NULL"  # noqa: S608
        f" ORDER BY post.sort_us {order}, post.id {order} LIMIT ?",
        count,
    )
    return [AtUri(uri) for (uri,) in rows]


def measure(factor: int) -> dict[str, float]:
    """Fill and ask in processes of their own: what filling leaves in memory is not counted."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        rate = _apart(_fill, Path(folder), PEOPLE * factor)
        return {"records/s": rate, **_apart(_ask, Path(folder))}


def _apart(run: Callable[..., T], *args: object) -> T:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(run, *args).result()


def _fill(folder: Path, people: int) -> float:
    return asyncio.run(fill(folder, people))


def _ask(folder: Path) -> dict[str, float]:
    return asyncio.run(ask(folder))


def _size(suffix: str, path: Path) -> int:
    file = path.with_name(path.name + suffix)
    return file.stat().st_size if file.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("factors", nargs="*", type=int, default=[1, 10])
    parser.add_argument("--json", help="a file for the figures")
    args = parser.parse_args()
    table = {factor: measure(factor) for factor in args.factors}
    for name in table[args.factors[0]]:
        cells = " | ".join(f"{table[factor][name]:10.2f}" for factor in args.factors)
        print(f"| {name:14} | {cells} |")
    if args.json:
        Path(args.json).write_bytes(orjson.dumps(table, option=orjson.OPT_NON_STR_KEYS))


if __name__ == "__main__":
    main()
