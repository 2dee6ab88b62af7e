"""Ask our AppView and the reference the same, through each one's own PDS.

Run by hand: `python -m tests.interop.appview_differential [WORD]...` prints what differs.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from tests.interop.asking import Ask, Step
from tests.interop.corpus import appview as corpus
from tests.interop.differential import Pair, take
from tests.interop.sides import PATIENCE, Side
from tests.support.appliance import Appliance
from tests.support.reference_network import reference_network
from tests.support.smtp import SmtpStub

# Ours is asked at once what the reference is given time for; both have indexed everything then.
SECONDS_FOR_NAMES = 1.0


@asynccontextmanager
async def appview_sides() -> AsyncIterator[tuple[Side, Side]]:
    """Start both networks, let the same be written, and wait until both know it."""
    async with AsyncExitStack() as stack:
        theirs = await asyncio.to_thread(stack.enter_context, reference_network())
        ours = await asyncio.to_thread(Appliance)
        stack.callback(ours.finish)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
            )
        )
        sides = (
            Side("ours", ours.pds, "", b"", SmtpStub(), http),
            Side("reference", theirs.pds, "", b"", SmtpStub(), http),
        )
        sides[0].known["img"] = f"{ours.appview}/img"
        sides[1].known["img"] = "https://bsky.public.url/img"
        for steps in corpus.stages():
            await asyncio.gather(*(_write(steps, side) for side in sides))
            await asyncio.to_thread(theirs.settle)
            await asyncio.sleep(SECONDS_FOR_NAMES)
        yield sides


async def _write(steps: list[Step], side: Side) -> None:
    for step in steps:
        told = await take(step, side)
        assert told is not None
        assert told.status == 200, (side.name, step.what, told)


async def run() -> list[Pair]:
    """Ask everything of both."""
    pairs = []
    async with appview_sides() as (ours, theirs):
        for step in corpus.asked():
            assert isinstance(step, Ask)
            here, there = await asyncio.gather(take(step, ours), take(step, theirs))
            assert here is not None
            assert there is not None
            pairs.append(Pair(step.path, step.line, step.what, here, there))
    return pairs


def main() -> None:
    """Print what differs."""
    pairs = [
        pair
        for pair in asyncio.run(run())
        if not sys.argv[1:] or any(word in pair.name for word in sys.argv[1:])
    ]
    for pair in pairs:
        if pair.differences:
            sys.stdout.write(f"{pair.what}  [{pair.ours.short} | {pair.theirs.short}]\n")
        for part, (ours, theirs) in pair.differences.items():
            sys.stdout.write(f"    {part}: ours {str(ours)[:200]} | theirs {str(theirs)[:200]}\n")
    different = sum(bool(pair.differences) for pair in pairs)
    sys.stdout.write(f"{len(pairs)} answers compared, {different} differ\n")


if __name__ == "__main__":
    main()
