"""What the proof of a key costs: the same calls with a session token and by OAuth, turn about.

Usage: python bench/app_calls.py [--rounds N] [--seconds S] [--connections N]

A server of ours is started for the time. Proofs are made before the clock runs, as they are the
app's work; the server's CPU is what to look at, the rate is what an app feels.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson
import uvloop
from yarl import URL

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.load import Figures, closed_loop
from bench.machine import settle
from bench.servers import OURS, started
from bench.target import POST, Account, Target, post_record
from tests.support.far_app import FarApp

CALLBACK = "http://127.0.0.1/callback"
PASSWORD = "correct horse battery"  # noqa: S105
PROOFS_PER_SECOND = 5_000
HEAD = (
    "| call | session: CPU ms | OAuth | more | session: p50 ms | OAuth | more | others |\n"
    "|---|---|---|---|---|---|---|---|"
)
# How many members the timeline is of; each has 40 posts.
PEOPLE, POSTS, FOLLOWS = 12, 40, 8


@dataclass(frozen=True)
class Call:
    """A call: by which verb, of what; `body` makes what is sent."""

    verb: str
    url: URL
    body: Callable[[], bytes] | None = None


async def measure(args: argparse.Namespace) -> None:
    """Print a table of all calls."""
    async with started(OURS) as server:
        plc = str(server.said["plc_url"])
        async with Target.open(server.pds_url, server.pid, plc) as target:
            member = (await target.society(PEOPLE, POSTS, FOLLOWS))[0]
            app = FarApp.at(server.pds_url, CALLBACK)
            await app.be_let_in(member.did, PASSWORD)
            await settle(target.pid)
            print(HEAD)
            for name, call in _calls(target, member).items():
                await _compare(args, name, call, (target, member, app))


def _calls(target: Target, member: Account) -> dict[str, Call]:
    def new_post() -> bytes:
        return orjson.dumps({"repo": member.did, "collection": POST, "record": post_record()})

    def get(nsid: str, **params: object) -> Call:
        return Call("GET", target.address(nsid, **params))

    return {
        "getPreferences": get("app.bsky.actor.getPreferences"),
        "getSession": get("com.atproto.server.getSession"),
        "getProfile": get("app.bsky.actor.getProfile", actor=member.did),
        "getTimeline": get("app.bsky.feed.getTimeline", limit=50),
        "createRecord": Call("POST", target.address("com.atproto.repo.createRecord"), new_post),
    }


async def _compare(
    args: argparse.Namespace, name: str, call: Call, ground: tuple[Target, Account, FarApp]
) -> None:
    target, member, app = ground
    runs: dict[str, list[Figures]] = {"session": [], "oauth": []}
    for _ in range(args.rounds):
        for kind, found in runs.items():
            one = _by_session(call, target, member) if kind == "session" else None
            made = one or await _by_proof(call, target, app, args.seconds)
            found.append(await closed_loop(target.pid, args.connections, args.seconds, made))
    print(_row(name, runs["session"], runs["oauth"]), flush=True)


def _by_session(call: Call, target: Target, member: Account) -> Callable[[int], Awaitable[bytes]]:
    return lambda _: _ask(call, target, member.headers)


async def _by_proof(
    call: Call, target: Target, app: FarApp, seconds: float
) -> Callable[[int], Awaitable[bytes]]:
    """Make as many proofs as can be used up, by the newest nonce."""
    await app.refresh()
    token, url = app.tokens["access_token"], str(call.url.with_query(None))
    count = int(PROOFS_PER_SECOND * (seconds + 0.5))
    proofs = iter([app.proof(call.verb, url, token) for _ in range(count)])
    scheme = {"Authorization": f"DPoP {token}"}
    return lambda _: _ask(call, target, {**scheme, "DPoP": next(proofs)})


async def _ask(call: Call, target: Target, headers: dict[str, str]) -> bytes:
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=1)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
