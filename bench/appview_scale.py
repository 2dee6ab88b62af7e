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
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.appview.hydrate.hydration import SignedIn, Viewer
from appliance.appview.hydrate.ids import actor_id
from appliance.appview.role import AppView
from appliance.appview.xrpc import app_bsky_actor as actor
from appliance.appview.xrpc import app_bsky_feed as feed
from appliance.appview.xrpc import app_bsky_feed_search as searches
from appliance.appview.xrpc import app_bsky_notification as told
from appliance.appview.xrpc import app_bsky_unspecced_threads as threads
from appliance.atproto.syntax import AtUri, Did
from bench.machine import resident_mb
from tests.support.appview_house import AppViewHouse, open_house
from tests.support.index_lab import IndexLab, StrongRef

PEOPLE, POSTS, FOLLOWS = 50, 100, 15
PER_WRITE = 2000
MOST_KEPT = 20_000
CALLS = 60
WORDS = ("quick brown fox lazy dog rain falls on old town roofs while we wait for the bus " * 8)[
    :280
]
Page = Callable[[], Awaitable[Any]]


def grow(lab: IndexLab, people: int) -> Iterator[list[StrongRef]]:
    """Write the whole society, a few records at a time; give the posts there are."""
    posts: list[StrongRef] = []
    for number, _ in enumerate(_records(lab, people, posts), start=1):
        if number % PER_WRITE == 0:
            yield posts
    yield posts


def _records(lab: IndexLab, people: int, posts: list[StrongRef]) -> Iterator[StrongRef]:
    names = (f"p{number:06}".translate(str.maketrans("0189", "wxyz")) for number in range(people))
    dids = [lab.account(name) for name in names]
    for at, did in enumerate(dids):
        yield lab.profile(did, f"Number {at}")
        for step in range(1, FOLLOWS + 1):
            yield lab.follow(did, dids[(at + step) % people])
    for number in range(POSTS):
        for at, did in enumerate(dids):
            post = lab.post(did, f"{number} {at} {WORDS}")
            # What the measurement itself holds is not to be measured.
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


async def fill(house: AppViewHouse, people: int) -> tuple[list[StrongRef], float]:
    """Fill the index; give the posts and how many records it took a second."""
    steps: list[Iterator[list[StrongRef]]] = []
    await house.write(lambda lab: steps.append(grow(lab, people)))
    posts: list[StrongRef] = []
    started = time.perf_counter()
    while (found := await house.write(lambda _: next(steps[0], None))) is not None:
        posts = found
    seconds = time.perf_counter() - started
    return posts, people * (POSTS * 2 + FOLLOWS + 1) / seconds


async def measure(factor: int) -> dict[str, float]:
    """Fill an index and ask it for pages; give milliseconds of CPU by page, and more."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder)) as house:
            posts, rate = await fill(house, PEOPLE * factor)
            role, did = house.role, Did(AtUri(posts[0]["uri"]).authority)
            viewer = SignedIn(Viewer(did, actor_id(role.index, did)), ())
            other = Did(AtUri(posts[3]["uri"]).authority)
            asked = pages(role, viewer, other, AtUri(posts[-1]["uri"]))
            found = {"records/s": rate}
            for name, page in asked.items():
                for _ in range(5):
                    await page()
                started = time.process_time()
                for _ in range(CALLS):
                    orjson.dumps(await page())
                found[name] = 1000 * (time.process_time() - started) / CALLS
            found["resident MB"] = resident_mb(os.getpid())
            found["index MB"] = sum(map(_size, ("", "-wal"), [role.index.path] * 2)) / 1e6
            return found


def _size(suffix: str, path: Path) -> int:
    file = path.with_name(path.name + suffix)
    return file.stat().st_size if file.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("factors", nargs="*", type=int, default=[1, 10])
    parser.add_argument("--json", help="a file for the figures")
    args = parser.parse_args()
    table = {factor: asyncio.run(measure(factor)) for factor in args.factors}
    for name in table[args.factors[0]]:
        cells = " | ".join(f"{table[factor][name]:10.2f}" for factor in args.factors)
        print(f"| {name:14} | {cells} |")
    if args.json:
        Path(args.json).write_bytes(orjson.dumps(table, option=orjson.OPT_NON_STR_KEYS))


if __name__ == "__main__":
    main()
