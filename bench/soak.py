"""Hours of ordinary life: does memory stay flat, and is every descriptor given back?

    python -m bench.soak                    eight hours; `install.sh test --long` ends with it
    python -m bench.soak --minutes 40       less; `--json FILE` keeps the curve

Twenty members who follow each other post, delete, read, sign in and out, upload pictures and come
back with apps that follow the firehose; now and then somebody moves in, mistypes, or downloads
a repo. A line each minute: memory, what Python and the C library hold of it, descriptors, threads,
late ticks. At the end it says whether it was flat: from the second quarter on, memory may rise
by 5 % from one fifth of the time to the last, descriptors and threads by five. Exit status 1: not.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from PIL import Image

from bench import imports
from bench.machine import cpu_seconds, resident_mb
from bench.servers import Server, started
from bench.target import POST, Account, Target, key, now, post_record
from bench.wire import request_bytes

COMMAND = "{python} -m bench.watched try --data {data} --port 0 --json"
MEMBERS, FRIENDS = 20, 10
PASSWORD = "correct horse battery"  # noqa: S105, what sign_up takes
FLAT, MORE_DESCRIPTORS = 0.05, 5
FEWEST_MINUTES = 20
# Of the records that exist, so many are kept to be deleted or read.
KNOWN = 500


@dataclass(frozen=True)
class Minute:
    """What the server looked like at the end of a minute; memory in MB, ticks in milliseconds."""

    minute: int
    resident: float
    python_blocks: int
    heap_used: float
    heap_free: float
    descriptors: int
    threads: int
    calls: int
    late_p999: float
    cpu_percent: float

    def line(self) -> str:
        return (
            f"{self.minute:5} min {self.resident:7.1f} MB  Python {self.python_blocks:8} blocks"
            f"  heap {self.heap_used:6.1f} + {self.heap_free:5.1f} free"
            f"  {self.descriptors:4} descriptors {self.threads:3} threads"
            f"  {self.calls:6} calls  late p99.9 {self.late_p999:6.1f} ms"
            f"  cpu {self.cpu_percent:4.1f} %"
        )


def what_is_not_flat(minutes: list[Minute]) -> list[str]:
    """Name what grew; the first quarter, in which caches fill, does not count."""
    settled = minutes[len(minutes) // 4 :]
    fifth = max(len(settled) // 5, 1)
    first, last = settled[:fifth], settled[-fifth:]

    def both(of: Callable[[Minute], float]) -> tuple[float, float]:
        return statistics.median(map(of, first)), statistics.median(map(of, last))

    found = []
    before, after = both(lambda each: each.resident)
    if after > before * (1 + FLAT):
        found.append(f"memory rose from {before:.1f} to {after:.1f} MB")
    for name in ("descriptors", "threads"):
        before, after = both(attrgetter(name))
        if after > before + MORE_DESCRIPTORS:
            found.append(f"{name} rose from {before:.0f} to {after:.0f}")
    return found


def picture() -> bytes:
    """A small photograph that no other is."""
    drawn = BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(drawn, "JPEG", quality=80)
    return drawn.getvalue()


class Life:
    """What the members do, each kind so often in a second."""

    def __init__(self, target: Target, names: dict[str, str], people: list[Account]) -> None:
        self._target = target
        self._names = names
        self._people = people
        self._chance = random.Random(1)  # noqa: S311
        self._written: list[str] = []
        self.calls = 0
        self.kinds: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (5.0, self._write),
            (1.0, self._delete),
            (6.0, self._timeline),
            (3.0, self._notifications),
            (4.0, self._profile_and_feed),
            (1.0, self._like),
            (0.5, self._thread),
            (0.5, self._mistake),
            (0.2, self._follow_firehose),
            (0.1, self._picture),
            (0.05, self._sign_in),
            (0.05, self._download),
            (0.01, self._move_in),
        ]

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            for rate, one in self.kinds:
                group.create_task(self._often(rate, one))

    async def _often(self, rate: float, one: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(rate))
            await one()
            self.calls += 1

    def _who(self) -> Account:
        return self._chance.choice(self._people)

    async def _call(self, nsid: str, who: Account, **body: Any) -> Any:
        url = self._target.address(nsid)
        return orjson.loads(await self._target.post(url, orjson.dumps(body), who.headers) or b"{}")

    async def _get(self, nsid: str, who: Account, **params: Any) -> Any:
        return orjson.loads(
            await self._target.get(self._target.address(nsid, **params), who.headers)
        )

    async def _create(self, who: Account, record: dict[str, Any]) -> Any:
        fields = {"repo": who.did, "collection": record["$type"], "record": record}
        return await self._call("com.atproto.repo.createRecord", who, **fields)

    async def _write(self) -> None:
        made = await self._create(self._who(), post_record())
        self._written.append(made["uri"])
        if len(self._written) > KNOWN:
            self._written.pop(0)

    async def _delete(self) -> None:
        if not self._written:
            return
        at = self._chance.randrange(len(self._written))
        did, collection, rkey = self._written.pop(at).removeprefix("at://").split("/")
        who = next(one for one in self._people if one.did == did)
        fields = {"repo": did, "collection": collection, "rkey": rkey}
        await self._call("com.atproto.repo.deleteRecord", who, **fields)

    async def _timeline(self) -> None:
        await self._get("app.bsky.feed.getTimeline", self._who(), limit=50)

    async def _notifications(self) -> None:
        await self._get("app.bsky.notification.listNotifications", self._who(), limit=50)

    async def _profile_and_feed(self) -> None:
        nsid = self._chance.choice(("app.bsky.actor.getProfile", "app.bsky.feed.getAuthorFeed"))
        await self._get(nsid, self._who(), actor=self._who().did)

    async def _like(self) -> None:
        page = await self._get("app.bsky.feed.getTimeline", who := self._who(), limit=5)
        for item in page["feed"][:1]:
            subject = {"uri": item["post"]["uri"], "cid": item["post"]["cid"]}
            like = {"$type": imports.LIKE, "subject": subject, "createdAt": now()}
            await self._create(who, like)

    async def _thread(self) -> None:
        if self._written:
            path = "app.bsky.feed.getPostThread"
            with suppress(Exception):  # it may be gone, or not there yet
                await self._get(path, self._who(), uri=self._chance.choice(self._written))

    async def _mistake(self) -> None:
        """Ask for what is not there, with a token that is none, or with a wrong password."""
        nobody = {"Authorization": f"Bearer {self._chance.random()}"}
        for nsid, params, headers in (
            ("com.atproto.repo.getRecord", {"repo": "nobody.test", "rkey": "x"}, {}),
            ("app.bsky.feed.getTimeline", {"limit": "many"}, nobody),
            (f"com.example.thing{self._chance.randrange(10**9)}", {}, {}),
        ):
            url = self._target.address(nsid, **params)
            answer = await self._target.wires.ask(request_bytes("GET", url, headers))
            assert answer.status < 500, answer

    async def _follow_firehose(self) -> None:
        async with self._target.subscribe() as stream:
            with suppress(TimeoutError):
                await stream.receive(timeout=1)

    async def _picture(self) -> None:
        who = self._who()
        url = self._target.address("com.atproto.repo.uploadBlob")
        headers = {**who.headers, "Content-Type": "image/jpeg"}
        body = await asyncio.to_thread(picture)
        answer = await self._target.post(url, body, headers)
        image = {"alt": "", "image": orjson.loads(answer)["blob"]}
        embed = {"$type": "app.bsky.embed.images", "images": [image]}
        await self._create(who, {**post_record(), "embed": embed})

    async def _sign_in(self) -> None:
        """One after the other, so that nobody's token runs out; the old session is ended."""
        old = self._people[0]
        fields = {"identifier": old.did, "password": PASSWORD}
        made = await self._call("com.atproto.server.createSession", Account("", {}), **fields)
        bearer = {"Authorization": f"Bearer {self._names[old.did]}"}
        end = self._target.address("com.atproto.server.deleteSession")
        answer = await self._target.wires.ask(request_bytes("POST", end, bearer))
        assert answer.status == 200, answer
        self._names[old.did] = made["refreshJwt"]
        new = Account(old.did, {"Authorization": f"Bearer {made['accessJwt']}"})
        self._people[:] = [*self._people[1:], new]

    async def _download(self) -> None:
        url = self._target.address("com.atproto.sync.getRepo", did=self._who().did)
        await self._target.get(url)

    async def _move_in(self) -> None:
        one = await imports.newcomer(self._target, 300)
        headers = {**one.account.headers, "Content-Type": "application/vnd.ipld.car"}
        url = self._target.address("com.atproto.repo.importRepo")
        await self._target.post(url, one.archive, headers)


async def settle_in(target: Target) -> tuple[dict[str, str], list[Account]]:
    """Open the accounts, follow, and sign everybody in, for a refresh token of each."""
    opened = await target.crowd(MEMBERS)
    people, names = [], {}
    url = target.address("com.atproto.server.createSession")
    for at, one in enumerate(opened):
        friends = [opened[(at + step) % MEMBERS].did for step in range(1, FRIENDS + 1)]
        kind = "app.bsky.graph.follow"
        follow = {"$type": kind, "createdAt": now()}
        records = [
            (kind, key(step), {**follow, "subject": did}) for step, did in enumerate(friends)
        ]
        await target.fill(one, [*records, (POST, key(0), post_record())])
        asked = orjson.dumps({"identifier": one.did, "password": PASSWORD})
        made = orjson.loads(await target.post(url, asked))
        names[one.did] = made["refreshJwt"]
        people.append(Account(one.did, {"Authorization": f"Bearer {made['accessJwt']}"}))
    return names, people


def figures_of(server: Server, place: Path) -> dict[str, Any]:
    """Have the server tell what it saw since the last time."""
    os.kill(server.pid, signal.SIGUSR2)
    until = time.monotonic() + 60
    while not place.exists() and time.monotonic() < until:
        time.sleep(0.05)
    told: dict[str, Any] = json.loads(place.read_text())
    place.unlink()
    os.kill(server.pid, signal.SIGUSR1)
    return told


def look(server: Server, place: Path, number: int, calls: int, cpu: float) -> Minute:
    told = figures_of(server, place)
    of_process = Path(f"/proc/{server.pid}")
    return Minute(
        number,
        resident_mb(server.pid),
        told["memory"]["python_blocks"],
        told["memory"]["heap_used_mb"],
        told["memory"]["heap_free_mb"],
        len(list((of_process / "fd").iterdir())),
        len(list((of_process / "task").iterdir())),
        calls,
        told["late_ms"]["p99.9"],
        cpu,
    )


async def soak(minutes: int, tell: Callable[[Minute], None]) -> None:
    """Live for so many minutes, and tell of each."""
    with TemporaryDirectory() as folder:
        place = Path(folder, "figures.json")
        os.environ["FIGURES"] = str(place)
        async with (
            started(COMMAND) as server,
            Target.open(server.pds_url, server.pid, str(server.said["plc_url"])) as target,
        ):
            life = Life(target, *await settle_in(target))
            living = asyncio.create_task(life.run())
            for number in range(1, minutes + 1):
                began, used, calls = time.monotonic(), cpu_seconds(server.pid), life.calls
                await asyncio.wait([living], timeout=60)
                if living.done():
                    living.result()
                share = (cpu_seconds(server.pid) - used) / (time.monotonic() - began)
                calls = life.calls - calls
                tell(await asyncio.to_thread(look, server, place, number, calls, 100 * share))
            living.cancel()
            await asyncio.wait([living])


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run it; tell the end in one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=8 * 60)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    seen: list[Minute] = []

    def tell(minute: Minute) -> None:
        seen.append(minute)
        say(minute.line())
        if args.json:
            args.json.write_text(json.dumps([asdict(each) for each in seen]))

    asyncio.run(soak(args.minutes, tell))
    if len(seen) < FEWEST_MINUTES:
        say(f"too short to say whether it is flat: {FEWEST_MINUTES} minutes at least")
        return 0
    found = what_is_not_flat(seen)
    say("; ".join(found) or "flat")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
