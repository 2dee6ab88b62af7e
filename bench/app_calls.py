"""What the proof of a key costs: the same calls with a session token and by OAuth, turn about.

Usage: python bench/app_calls.py [--only TEXT] [--rounds N] [--seconds S] [--connections N]

Single calls, and "a while with the client": the calls of `bench/app_day.py` in their proportions.
A server of ours is started for the time. Proofs are made before the clock runs, as they are the
app's work; the server's CPU is what to look at, the rate is what an app feels.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import app_day
from bench.app_day import Call
from bench.load import Figures, closed_loop
from bench.machine import settle
from bench.servers import OURS, started
from bench.target import Account, Target
from tests.support.far_app import FarApp

SCOPE = "atproto transition:generic transition:chat.bsky"
DAY = "a while with the client"
CALLBACK = "http://127.0.0.1/callback"
PASSWORD = "correct horse battery"  # noqa: S105
PROOFS_PER_SECOND = 5_000
HEAD = (
    "| call | session: CPU ms | OAuth | more | session: p50 ms | OAuth | more | others |\n"
    "|---|---|---|---|---|---|---|---|"
)
# How many members the timeline is of; each has 40 posts.
PEOPLE, POSTS, FOLLOWS = 12, 40, 8


async def measure(args: argparse.Namespace) -> None:
    """Print a table of all calls."""
    async with started(OURS) as server:
        plc = str(server.said["plc_url"])
        async with Target.open(server.pds_url, server.pid, plc) as target:
            people = await target.society(PEOPLE, POSTS, FOLLOWS)
            member = people[0]
            app = FarApp.at(server.pds_url, CALLBACK, SCOPE)
            await app.be_let_in(member.did, PASSWORD)
            await settle(target.pid)
            print(HEAD)
            named = {name: [call] for name, call in app_day.single(target, member).items()}
            for name, calls in {**named, DAY: await app_day.mixed(target, people)}.items():
                if args.only in name:
                    await _compare(args, name, calls, (target, member, app))


async def _compare(
    args: argparse.Namespace,
    name: str,
    calls: Sequence[Call],
    ground: tuple[Target, Account, FarApp],
) -> None:
    target, member, app = ground
    runs: dict[str, list[Figures]] = {"session": [], "oauth": []}
    for _ in range(args.rounds):
        for kind, found in runs.items():
            one = _by_session(calls, target, member) if kind == "session" else None
            made = one or await _by_proof(calls, target, app, args.seconds)
            found.append(await closed_loop(target.pid, args.connections, args.seconds, made))
    print(_row(name, runs["session"], runs["oauth"]), flush=True)


def _by_session(
    calls: Sequence[Call], target: Target, member: Account
) -> Callable[[int], Awaitable[bytes]]:
    turns = cycle(calls)
    return lambda _: _ask(next(turns), target, member.headers)


async def _by_proof(
    calls: Sequence[Call], target: Target, app: FarApp, seconds: float
) -> Callable[[int], Awaitable[bytes]]:
    """Make as many proofs as can be used up, by the newest nonce."""
    await app.refresh()
    token = app.tokens["access_token"]
    most = int(PROOFS_PER_SECOND * (seconds + 0.5))
    bare = [(call, str(call.url.with_query(None))) for call in calls]
    turns = (
        (call, app.proof(call.verb, url, token))
        for _, (call, url) in zip(range(most), cycle(bare), strict=False)
    )
    proved = iter(list(turns))

    def one(_: int) -> Awaitable[bytes]:
        call, proof = next(proved)
        return _ask(call, target, {"Authorization": f"DPoP {token}", "DPoP": proof})

    return one


async def _ask(call: Call, target: Target, headers: dict[str, str]) -> bytes:
    headers = {**call.headers, **headers}
    if call.body is None:
        return await target.get(call.url, headers)
    return await target.post(call.url, call.body(), headers)


def _row(name: str, session: list[Figures], oauth: list[Figures]) -> str:
    cells = [name]
    for figure in ("cpu_ms", "p50_ms"):
        one, other = (median(getattr(run, figure) for run in runs) for runs in (session, oauth))
        cells += [f"{one:.3f}", f"{other:.3f}", f"{100 * (other / one - 1):+.0f} %"]
    cells.append(f"{median(run.others for run in [*session, *oauth]):.1f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=1)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
