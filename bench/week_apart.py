"""How soon the newest of a paired house is here, and how soon all, after a time apart.

Usage: python bench/week_apart.py [--posts N] [--per-commit N]

Two whole houses in this process, over real sockets and TLS. They meet, ours ends, theirs goes on
writing; the clock runs from before ours opens again. The CPU is that of both houses.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.journeys.test_week_apart import Corner, write_many
from tests.neighbours.test_introductions import pair
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.whole_house import House, Place, place

LONGEST_SECONDS: Final = 900.0


def holds(house: House, sql: str, *args: Any) -> bool:
    """Ask our index something that is true or false."""
    [(found,)] = house.node.roles["appview"].index.read(f"SELECT {sql}", *args)
    return bool(found)


async def clocked(what: str, begun: tuple[float, float], is_so: Callable[[], bool]) -> None:
    """Wait until it is so; say how long that took."""
    await until(is_so, LONGEST_SECONDS)
    wall, cpu = time.monotonic() - begun[0], time.process_time() - begun[1]
    sys.stdout.write(f"{what}: {wall:.1f} s, {cpu:.1f} s of CPU\n")


async def measure(posts: int, per_commit: int, folder: Path, near: Place, far: Place) -> None:
    """Part two houses and let them meet again."""
    ours = Corner(near, folder / "ours", free_port())
    theirs = Corner(far, folder / "theirs", free_port())
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        theirs.opened() as jones,
    ):
        ben = await theirs.join(http, jones, "ben")
        async with ours.opened() as smiths:
            ann = await ours.join(http, smiths, "ann")
            await pair(ours.home(smiths), theirs.home(jones))
            known = await ben.write_post("the last before we parted")
            await ann.follow(ben)
            await ann.sees(known)
        await write_many(ben, posts, per_commit)
        begun = (time.monotonic(), time.process_time())
        async with ours.opened() as smiths:
            newest = f"post {posts - 1}"
            has_newest = "EXISTS (SELECT 1 FROM post WHERE id > 0 AND record ->> '$.text' = ?)"
            await clocked("the newest", begun, lambda: holds(smiths, has_newest, newest))
            all_told = "count(*) > ? FROM post WHERE id > 0"
            none_early = "NOT EXISTS (SELECT 1 FROM record WHERE actor_id > 0 AND early = 1)"
            await clocked(
                f"all {posts} posts",
                begun,
                lambda: holds(smiths, none_early) and holds(smiths, all_told, posts),
            )


def main() -> None:
    """Read the wishes and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=3_000)
    parser.add_argument("--per-commit", type=int, default=3)
    wishes = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, place() as near, place() as far:
        asyncio.run(measure(wishes.posts, wishes.per_commit, Path(folder), near, far))


if __name__ == "__main__":
    main()
