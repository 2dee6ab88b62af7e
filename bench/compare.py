"""Measure ours against a peer PDS, turn and turn about, and print ratios.

Usage: python bench/compare.py [--rounds N] [--seconds S] [--peer COMMAND] [--json FILE] [CASE...]

Both servers run all the time and share our directory; each case is run on ours, on the peer, on
ours, ..., so that a noisy minute of the machine meets both. Medians over the rounds; a ratio above
1 is in our favour. Cases that the peer cannot answer (pages, when it has no AppView) have figures
of ours only.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import pages
from bench.cases import Case
from bench.catalog import choose, middle, number, save
from bench.load import Figures
from bench.machine import resident_mb
from bench.run import start
from bench.servers import OURS, REFERENCE, Server, started
from bench.target import Target

REST_SECONDS = 10.0
HEAD = """\
| case | ours | peer | ratio | CPU ms | peer | ratio | kB | peer | p50 / p99 ms | peer | others |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


async def compare(args: argparse.Namespace) -> None:
    """Run the chosen cases on both and print a table."""
    names = [name for name in args.cases if name != "start"]
    chosen = choose(names) if names or not args.cases else {}
    async with started(args.ours) as ours:
        plc = str(ours.said["plc_url"])
        if len(names) < len(args.cases):
            print("ours:", end=" ", flush=True)
            await start(args.ours, args.rounds)
            print("peer:", end=" ", flush=True)
            await start(args.peer, args.rounds, plc)
        if not chosen:
            return
        async with started(args.peer, plc) as peer:
            found = await _measure(args, chosen, ours, peer)
    if args.json:
        save(args.json, found)


async def _measure(
    args: argparse.Namespace, chosen: Mapping[str, Case], ours: Server, peer: Server
) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Give every figure of every round."""
    found: dict[str, dict[str, list[dict[str, object]]]] = {}
    plc = str(ours.said["plc_url"])
    alone = set() if "appview_url" in peer.said else set(pages.cases())
    async with (
        Target.open(ours.pds_url, ours.pid, plc) as our_target,
        Target.open(peer.pds_url, peer.pid, plc) as peer_target,
    ):
        print(HEAD)
        for name, case in chosen.items():
            our_runs, peer_runs = [], []
            for _ in range(args.rounds):
                our_runs.append(await case(our_target, args.seconds))
                if name not in alone:
                    peer_runs.append(await case(peer_target, args.seconds))
            found[name] = {
                "ours": [asdict(run) for run in our_runs],
                "peer": [asdict(run) for run in peer_runs],
            }
            print(_row(name, middle(our_runs), middle(peer_runs) if peer_runs else None))
            sys.stdout.flush()
        # Both have things to throw away, and do so once there is time.
        await asyncio.sleep(REST_SECONDS)
        print(
            f"\nmemory {REST_SECONDS:.0f} s afterwards: ours {resident_mb(ours.pid):.0f} MB,"
            f" peer {resident_mb(peer.pid):.0f} MB"
        )
    return found


def _row(name: str, ours: Figures, peer: Figures | None) -> str:
    cells = [
        f"{number(ours.rate)} {ours.unit}",
        *_pair(ours.rate, peer.rate if peer else 0, less=False),
    ]
    cells += [f"{ours.cpu_ms:.3f}", *_pair(ours.cpu_ms, peer.cpu_ms if peer else 0, less=True)]
    cells += [number(ours.disk_kb), number(peer.disk_kb) if peer else ""]
    cells += [_latency(ours), _latency(peer) if peer else ""]
    cells.append(f"{max(ours.others, peer.others if peer else 0):.1f}")
    return f"| {name} | {' | '.join(cells)} |"


def _latency(found: Figures) -> str:
    return f"{number(found.p50_ms)} / {number(found.p99_ms)}"


def _pair(ours: float, peer: float, *, less: bool) -> tuple[str, str]:
    """Write the peer's figure and the ratio."""
    if not peer or not ours:
        return "", ""
    return number(peer), f"**{peer / ours if less else ours / peer:.1f}**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", help="beginnings of names; all, if none is given")
    parser.add_argument("--ours", default=OURS, help="the command that starts ours")
    parser.add_argument("--peer", default=REFERENCE, help="the command that starts the peer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="per case and round")
    parser.add_argument("--json", help="a file for every figure of every round")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
