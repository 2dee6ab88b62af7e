"""What the home page of the panel costs, in a network of 100 accounts and 500,000 posts.

Usage: python bench/panel.py [--accounts N] [--posts N]

Panel, PDS, relay, AppView and labeler run in this process, on their sockets; posts are written
straight into the tables that are counted. Seconds are of this process's processor time and of the
clock, from the request to the whole page.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.atproto.tid import Tid
from appliance.base.connection import Connection
from tests.support.panel_house import House, open_house
from tests.support.roles_beside import appview_beside, labeler_beside, relay_beside

CALLS = 40
DAY_US = 86_400 * 1_000_000
PAGES = ("/", "/live", "/people", "/storage")


def fill_pds(conn: Connection, posts: int, now_us: int) -> None:
    """Spread posts over the repos and the last 60 days."""
    repos = [repo for (repo,) in conn.rows("SELECT id FROM repo")]
    rows = (
        (
            repos[number % len(repos)],
            f"app.bsky.feed.post/{Tid.from_us(now_us - number * 60 * DAY_US // posts)}",
            b"\x01" * 36,
            "3maaaaaaaaaaa",
            b"\xa0" * 300,
        )
        for number in range(posts)
    )
    conn.executemany(
        "INSERT INTO record (repo, path, cid, rev, block) VALUES (?, ?, ?, ?, ?)", rows
    )


def fill_index(conn: Connection, posts: int, accounts: int) -> None:
    rows = ((number % accounts, 1, f"{number:013}", b"\x01" * 36) for number in range(posts))
    conn.executemany(
        "INSERT INTO record (actor_id, collection_id, rkey, cid) VALUES (?, ?, ?, ?)", rows
    )


async def measure(house: House, path: str) -> tuple[float, float]:
    """Give the median of a page, in milliseconds: of the processor, of the clock."""
    owner = await house.visitor_signed_in()
    await owner.get(path)
    spent, waited = [], []
    for _ in range(CALLS):
        cpu, clock = time.process_time(), time.perf_counter()
        seen = await owner.get(path)
        spent.append((time.process_time() - cpu) * 1000)
        waited.append((time.perf_counter() - clock) * 1000)
        assert seen.status == 200
        await asyncio.sleep(0.05)
    return statistics.median(spent), statistics.median(waited)


async def run(accounts: int, posts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder)) as house:
            await house.claim()
            for number in range(accounts):
                await house.box.sign_up(f"member{number}")
            pds = house.box.pds
            now = pds.clock.now_us()
            await pds.figures._db.write(fill_pds, posts, now)
            async with relay_beside(house), labeler_beside(house), appview_beside(house) as appview:
                await appview.index.write(fill_index, posts, accounts)
                began = time.perf_counter()
                await pds.figures.take()
                print(f"figures of the day: {(time.perf_counter() - began) * 1000:.0f} ms")
                for path in PAGES:
                    spent, waited = await measure(house, path)
                    print(f"{path:12} {spent:6.1f} ms of processor, {waited:6.1f} ms by the clock")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accounts", type=int, default=100)
    options.add_argument("--posts", type=int, default=500_000)
    args = options.parse_args()
    asyncio.run(run(args.accounts, args.posts))


if __name__ == "__main__":
    main()
