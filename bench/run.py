"""Put one server under load and print what it bears.

Usage: python bench/run.py [--url URL --pid PID] [--rounds N] [--seconds S] [--json FILE] [CASE...]

Without --url a server of ours is started for the time, on a new data folder. A CASE is the
beginning of a name (`create_record`, `get_repo`, ...). `start` is a case of its own: time from
nothing to the first 200 of every role, and memory when idle.
"""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.catalog import HEAD, choose, middle, row, save
from bench.machine import cpu_seconds, resident_mb, settle
from bench.servers import OURS, started
from bench.target import Target

IDLE_SECONDS = 5.0


async def start(command: str, times: int, plc: str = "") -> None:
    """Start a server several times; print how long it took and what it holds."""
    seconds, memory, cpu, idle = [], [], [], []
    for _ in range(times):
        async with started(command, plc) as server:
            seconds.append(server.start_seconds)
            cpu.append(cpu_seconds(server.pid))
            await settle(server.pid)
            before = cpu_seconds(server.pid)
            await asyncio.sleep(IDLE_SECONDS)
            idle.append((cpu_seconds(server.pid) - before) / IDLE_SECONDS)
            memory.append(resident_mb(server.pid))
    print(
        f"start to all healthy: median {median(seconds):.2f} s, best {min(seconds):.2f} s,"
        f" worst {max(seconds):.2f} s; CPU {median(cpu):.2f} s;"
        f" idle memory {median(memory):.0f} MB, idle CPU {100 * median(idle):.1f} %"
    )


async def measure(args: argparse.Namespace) -> None:
    """Run the chosen cases and print a table."""
    names = [name for name in args.cases if name != "start"]
    if len(names) < len(args.cases):
        await start(args.command, args.rounds)
    if args.cases and not names:
        return
    chosen, found = choose(names), {}
    async with AsyncExitStack() as stack:
        url, pid, plc = args.url, args.pid, args.plc
        if not url:
            server = await stack.enter_async_context(started(args.command))
            url, pid, plc = server.pds_url, server.pid, str(server.said["plc_url"])
        target = await stack.enter_async_context(Target.open(url, pid, plc))
        print(HEAD)
        for name, case in chosen.items():
            runs = [await case(target, args.seconds) for _ in range(args.rounds)]
            found[name] = [asdict(run) for run in runs]
            print(row(name, middle(runs)), flush=True)
        print(f"\nmemory afterwards: {resident_mb(pid):.0f} MB")
    if args.json:
        save(args.json, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", help="beginnings of names; all, if none is given")
    parser.add_argument("--url", help="a PDS that runs already")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--plc", default="", help="the directory it asks")
    parser.add_argument("--command", default=OURS, help="what starts a server otherwise")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="per case and round")
    parser.add_argument("--json", help="a file for every figure of every round")
    args = parser.parse_args()
    if args.url and not args.pid:
        parser.error("--url needs --pid")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(args))


if __name__ == "__main__":
    main()
