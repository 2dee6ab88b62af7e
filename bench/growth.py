"""What an operation costs as the network grows: accounts, and records in their repos.

Usage: python bench/growth.py [--json FILE] [--data DIR] [--moved-in] [ACCOUNTSxRECORDS...]

A size is so many accounts with so many records each, two posts for every like, 15 follows. They are
written by the clients' own way (applyWrites), so every row of every role is as it is in life; with
--moved-in, which is quicker, they come with archives, and no commit of theirs is in a log. Then the
network is started again and asked, one call after another. Milliseconds are of the server's
processor, with the work that a call leaves behind. --data keeps the folders, uses those that are
there already, and goes on with one that was ended while it was filled.
"""

import argparse
import asyncio
import itertools
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.atproto.syntax import AtUri
from bench.machine import family, resident_mb, settle
from bench.moving_in import move_in
from bench.servers import Server, started
from bench.target import BATCH, POST, Account, Target, key, now, post_record

COMMAND = "{python} -m appliance try --port 0 --json --data "
LIKE, FOLLOW = "app.bsky.feed.like", "app.bsky.graph.follow"
FOLLOWS = 15
EVENTS = 250
IDLE_SECONDS = 5.0
CALLS = {"create_record": 200, "get_record": 300, "list_records": 100, "get_repo": 10}
PAGES = 60
SETTLING = 7200.0
PANEL_CALLS, PASSWORD = 20, "correct horse battery"
MOST_ASKING = 50
GROWING = "growing.json"
MOST_FRIENDS = 20
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
Row = dict[str, float]
Call = Callable[[], Awaitable[object]]
How = Callable[[Target, Iterator[tuple[str, str, Any]]], Awaitable[Account]]


def cpu_ms(pid: int) -> float:
    """Give the processor time of a server's threads, finer than the kernel's ticks."""
    found = 0
    for each in family(pid):
        for task in Path(f"/proc/{each}/task").iterdir():
            found += int((task / "schedstat").read_text().split()[0])
    return found / 1e6


def records(friends: list[str], count: int) -> Iterator[tuple[str, str, Any]]:
    """Make what an account writes: follows, then posts, and likes of what friends wrote."""
    for number, did in enumerate(friends[-FOLLOWS:]):
        yield FOLLOW, key(number), {"$type": FOLLOW, "subject": did, "createdAt": now()}
    cid = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
    for number in range(count - len(friends[-FOLLOWS:])):
        if number % 3 != 2 or not friends:
            yield POST, key(number), post_record()
            continue
        friend = friends[-(number % min(7, len(friends)) + 1)]
        subject = {"uri": str(AtUri.make(friend, POST, key(number - number % 3))), "cid": cid}
        yield LIKE, key(number), {"$type": LIKE, "subject": subject, "createdAt": now()}


async def write(target: Target, wanted: Iterator[tuple[str, str, Any]]) -> Account:
    """Open an account here, and write its records as a client does."""
    member = await target.sign_up()
    while some := list(itertools.islice(wanted, BATCH)):
        await target.fill(member, some)
    return member


async def grow(server: Server, data: Path, accounts: int, each: int, how: How) -> Row:
    """Open the accounts with their records; go on where somebody ended it before."""
    path = data / GROWING
    async with Target.open(server.pds_url, server.pid, str(server.said["plc_url"])) as target:
        told = orjson.loads(path.read_bytes()) if path.exists() else {"dids": [], "ms": 0, "s": 0}
        dids, spent = told["dids"], told["ms"] - cpu_ms(server.pid)
        clock = time.perf_counter() - told["s"]
        row: Row = {}

        def note() -> None:
            row.update(ms=spent + cpu_ms(server.pid), s=time.perf_counter() - clock)
            path.write_bytes(orjson.dumps({"dids": dids, **row}))

        while len(dids) < accounts:
            dids.append((await how(target, records(dids[-MOST_FRIENDS:], each))).did)
            note()
            if len(dids) % 50 == 0:
                print(f"{len(dids)} accounts, {row['s']:.0f} s", file=sys.stderr, flush=True)
        await indexed(target, dids, each)
        note()
    count = accounts * each
    return {"filling, ms a record": row["ms"] / count, "filled a second": count / row["s"]}


async def sign_in(target: Target, dids: list[str]) -> list[Account]:
    """Sign some of them in, from all over the network."""
    url, found = target.address("com.atproto.server.createSession"), []
    for did in dids[:: max(1, len(dids) // MOST_ASKING)][:MOST_ASKING]:
        body = orjson.dumps({"identifier": did, "password": PASSWORD})
        token = orjson.loads(await target.post(url, body))["accessJwt"]
        found.append(Account(did, {"Authorization": f"Bearer {token}"}))
    return found


async def indexed(target: Target, dids: list[str], each: int) -> None:
    """Wait until the index has every post, which is two of three records, and nobody is busy."""
    (member,) = await sign_in(target, dids[:1])
    until, waiting = time.monotonic() + SETTLING, dids
    while waiting:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(waiting)} of {len(dids)} accounts are not in the index")
        await asyncio.sleep(5)
        still = []
        for first in range(0, len(waiting), 25):
            some = waiting[first : first + 25]
            url = target.address("app.bsky.actor.getProfiles")
            url = url.with_query([("actors", did) for did in some])
            told = orjson.loads(await target.get(url, member.headers))["profiles"]
            has = {profile["did"]: profile.get("postsCount", 0) for profile in told}
            still += [did for did in some if has.get(did, 0) < (each - FOLLOWS) * 2 // 3]
        if len(still) // 50 != len(waiting) // 50:
            print(f"{len(still)} accounts to be indexed", file=sys.stderr, flush=True)
        waiting = still
    await quiet(target.pid)


async def quiet(pid: int) -> None:
    """Wait until the server has nothing to do."""
    until = time.monotonic() + SETTLING
    while time.monotonic() < until:
        before = cpu_ms(pid)
        await settle(pid)
        if cpu_ms(pid) - before < 100:
            return


class Round:
    """Asks a network of one size, and notes what each call cost."""

    def __init__(self, target: Target, members: list[Account], each: int) -> None:
        self._target = target
        self._members = members
        self._each = each
        self.found: Row = {}

    async def measure(self, name: str, count: int, call: Call, *, settles: bool = False) -> None:
        """Note the cost of one of `count` calls, less what the server does when nobody asks."""
        for _ in range(3):
            await call()
        await settle(self._target.pid)
        before, clock = cpu_ms(self._target.pid), time.perf_counter()
        for _ in range(count):
            await call()
        if settles:
            await settle(self._target.pid)
        seconds = time.perf_counter() - clock
        spent = cpu_ms(self._target.pid) - before - seconds * self.found["idle, ms a second"]
        self.found[name] = spent / count
        print(f"{name}: {self.found[name]:.3f}", file=sys.stderr, flush=True)

    async def all(self) -> None:
        """Measure the repos' calls, the pages, the stream."""
        target, turn = self._target, itertools.cycle(self._members)
        await quiet(target.pid)
        before = cpu_ms(target.pid)
        await asyncio.sleep(IDLE_SECONDS)
        self.found["idle, ms a second"] = (cpu_ms(target.pid) - before) / IDLE_SECONDS
        create = target.address("com.atproto.repo.createRecord")

        async def write() -> None:
            one = next(turn)
            body = {"repo": one.did, "collection": POST, "record": post_record()}
            await target.post(create, orjson.dumps(body), one.headers)

        def ask(nsid: str, params: Callable[[Account], dict[str, object]]) -> Call:
            async def call() -> None:
                one = next(turn)
                await target.get(target.address(nsid, **params(one)), one.headers)

            return call

        middle = key(3 * (self._each // 6))
        in_repo = {
            "get_record": ask(
                "com.atproto.repo.getRecord",
                lambda one: {"repo": one.did, "collection": POST, "rkey": middle},
            ),
            "list_records": ask(
                "com.atproto.repo.listRecords",
                lambda one: {"repo": one.did, "collection": POST, "limit": 100, "cursor": middle},
            ),
            "get_repo": ask("com.atproto.sync.getRepo", lambda one: {"did": one.did}),
        }
        for name, call in in_repo.items():
            await self.measure(name, CALLS[name], call)
        for name, (nsid, params) in _pages(middle).items():
            await self.measure(name, PAGES, ask(nsid, params))
        await self.measure("create_record", CALLS["create_record"], write, settles=True)
        await self.measure(f"replay, {EVENTS} events", 3, self._replay)

    async def _replay(self) -> None:
        async with self._target.subscribe(0) as ws:
            for _ in range(EVENTS):
                await ws.receive_bytes(timeout=60)


def _pages(middle: str) -> dict[str, tuple[str, Callable[[Account], dict[str, object]]]]:
    return {
        "timeline": ("app.bsky.feed.getTimeline", lambda _: {"limit": 50}),
        "author feed": (
            "app.bsky.feed.getAuthorFeed",
            lambda one: {"actor": one.did, "limit": 50},
        ),
        "thread": (
            "app.bsky.feed.getPostThread",
            lambda one: {"uri": f"at://{one.did}/{POST}/{middle}"},
        ),
        "profile": ("app.bsky.actor.getProfile", lambda one: {"actor": one.did}),
        "notifications": ("app.bsky.notification.listNotifications", lambda _: {"limit": 50}),
        "search": ("app.bsky.feed.searchPosts", lambda _: {"q": "quick brown fox", "limit": 25}),
        "search, top": (
            "app.bsky.feed.searchPosts",
            lambda _: {"q": "quick fox", "sort": "top", "limit": 25},
        ),
    }


async def panel(server: Server, found: Row) -> None:
    """Measure the panel's first page, as its owner sees it."""
    url, claim = str(server.said["panel_url"]), server.said.get("claim_url")
    path = "/claim" if claim else "/sign-in"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        async with http.get(claim or url + path) as answer:
            token = _TOKEN.search(await answer.text())
        assert token is not None
        form = {"form_token": token[1], "password": PASSWORD, "again": PASSWORD}
        if claim:
            form["code"] = claim.rpartition("=")[2]
        async with http.post(url + path, data=form, headers={"Origin": url}) as answer:
            answer.raise_for_status()
        for count in (2, PANEL_CALLS):
            # Who looks for the first time has the index's rows counted, for seconds.
            await quiet(server.pid)
            before = cpu_ms(server.pid)
            for _ in range(count):
                async with http.get(f"{url}/") as answer:
                    assert answer.status == 200
                    assert answer.url.path == "/"
                    await answer.read()
            found["panel home"] = (cpu_ms(server.pid) - before) / count


async def command(server: Server, data: Path, *words: str) -> float:
    """Run a command beside the network; give seconds of processor, its own and the server's."""
    own, before = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_ms(server.pid)
    words = (sys.executable, "-m", "appliance", *words, "--data", str(data))
    env = {**os.environ, "HEARTH_BACKUP_TARGET": str(data.with_name(f"{data.name}-copies"))}
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdout=silent, env=env)
    await process.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime
    return spent + (cpu_ms(server.pid) - before) / 1000


async def size(data: Path, accounts: int, each: int, args: argparse.Namespace) -> Row:
    """Make a network of a size, unless it is there, and ask it."""
    line, who, found = f"{COMMAND}{data}", data / "members.json", Row()
    if not who.exists():
        async with started(line) as server:
            found |= await grow(server, data, accounts, each, move_in if args.moved_in else write)
        who.write_bytes(orjson.dumps(orjson.loads((data / GROWING).read_bytes())["dids"]))
    async with started(line) as server:
        found["start, s of processor"] = cpu_ms(server.pid) / 1000
        found["memory after start, MB"] = resident_mb(server.pid)
        async with Target.open(server.pds_url, server.pid, str(server.said["plc_url"])) as target:
            asked = Round(target, await sign_in(target, orjson.loads(who.read_bytes())), each)
            await asked.all()
        found |= asked.found
        found["memory after all, MB"] = resident_mb(server.pid)
        await panel(server, found)
        found["checkup, s"] = await command(server, data, "checkup", "--json")
        if not args.no_backup:
            found["backup, s"] = await command(server, data, "backup", "now")
    for file in ("pds", "appview", "relay"):
        found[f"{file}, MB"] = (data / f"{file}.sqlite").stat().st_size / 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", nargs="*", default=["10x1000", "100x1000"])
    parser.add_argument("--json", help="a file for the figures")
    parser.add_argument("--data", type=Path, help="a folder to keep the networks in")
    parser.add_argument("--moved-in", action="store_true", help="accounts come with archives")
    parser.add_argument("--no-backup", action="store_true", help="where the disk has no room")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        kept = args.data or Path(folder)
        table: dict[str, Row] = {}
        for name in args.sizes:
            accounts, _, each = name.partition("x")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                table[name] = runner.run(size(kept / name, int(accounts), int(each), args))
            print(name, orjson.dumps(table[name]).decode(), flush=True)
    for row in table[args.sizes[-1]]:
        cells = " | ".join(f"{table[name].get(row, 0):10.3f}" for name in args.sizes)
        print(f"| {row:24} | {cells} |")
    if args.json:
        Path(args.json).write_bytes(orjson.dumps(table))


if __name__ == "__main__":
    main()
