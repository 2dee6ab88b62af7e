"""Take one large repository in and print what that costs the whole process, and others meanwhile.

Usage: python bench/large_import.py [--records N] [--command COMMAND]

520,000 records make an archive of some 235 MB. While it is taken in, another member writes.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import aiohttp
import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.imports import Newcomer, newcomer
from bench.machine import cpu_seconds, resident_mb
from bench.servers import OURS, Server, started
from bench.target import POST, Account, Target, key, post_record

LOOK_SECONDS = 0.05


class Witness:
    """Looks at the memory, and writes as another member, until it is told to stop."""

    def __init__(self, target: Target, member: Account) -> None:
        self._target = target
        self._member = member
        self.peak_mb = 0.0
        self.slowest_write = 0.0
        self.done = False

    async def look(self) -> None:
        while not self.done:
            self.peak_mb = max(self.peak_mb, resident_mb(self._target.pid))
            await asyncio.sleep(LOOK_SECONDS)

    async def write(self) -> None:
        number = 0
        while not self.done:
            number += 1
            begun = time.perf_counter()
            await self._target.fill(self._member, [(POST, key(number), post_record())])
            self.slowest_write = max(self.slowest_write, time.perf_counter() - begun)
            await asyncio.sleep(LOOK_SECONDS)


async def take(target: Target, one: Newcomer, witness: Witness) -> float:
    """Send the archive; give the seconds until it is answered."""
    headers = {**one.account.headers, "Content-Type": "application/vnd.ipld.car"}
    url = target.address("com.atproto.repo.importRepo")
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(witness.look())
        group.create_task(witness.write())
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout()) as http,
            http.post(url, data=one.archive, headers=headers) as answer,
        ):
            answer.raise_for_status()
        seconds = time.perf_counter() - begun
        witness.done = True
    return seconds


async def measure(server: Server, records: int) -> None:
    async with Target.open(server.pds_url, server.pid, str(server.said["plc_url"])) as target:
        idle = resident_mb(server.pid)
        one, member = await newcomer(target, records), await target.sign_up()
        witness, cpu = Witness(target, member), cpu_seconds(server.pid)
        seconds = await take(target, one, witness)
        cpu = cpu_seconds(server.pid) - cpu
        size = len(one.archive) / 1e6
        print(f"{size:.0f} MB, {records:,} records: {seconds:.1f} s, CPU {cpu:.1f} s")
        print(f"memory: {idle:.0f} MB before, {witness.peak_mb:.0f} MB at most")
        print(f"slowest write of another member meanwhile: {witness.slowest_write:.2f} s")
        url = target.address("com.atproto.server.checkAccountStatus")
        status = orjson.loads(await target.get(url, one.account.headers))
        assert status["indexedRecords"] == records
        print(f"memory after checkAccountStatus: {resident_mb(server.pid):.0f} MB")


async def run(args: argparse.Namespace) -> None:
    async with started(args.command) as server:
        await measure(server, args.records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=520_000)
    parser.add_argument("--command", default=OURS, help="what starts the server")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
