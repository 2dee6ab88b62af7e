"""Killed at any point, again and again: what was promised is kept.

Fifty times at random points of whatever members do, looked at in the folder as it lies; and some
times amid a thousand writes, seen from outside by who follows the streams.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.atproto.crypto import PublicKey
from appliance.atproto.tid import TidClock
from tests.support.appliance import ROOT, Appliance
from tests.support.client import Client, Member, join, soon
from tests.support.faulty_disk import folder_in_memory
from tests.support.invariants import Promises
from tests.support.ledger import LIKE, POST, Ledger, crowd
from tests.support.witnesses import StreamWitness, signing_key, verified_repo

KILLS = 5
SPARE_ROUNDS = 10
WRITES = 1000
MEMBERS = 8


def campaign(seed: int, kills: int) -> dict[str, Any]:
    """Kill a network so often; give what was counted, and the faults."""
    with folder_in_memory() as folder:
        command = [sys.executable, "-m", "tests.support.killed_networks"]
        done = subprocess.run(  # noqa: S603
            [*command, str(folder), str(seed), str(kills)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240 + 20 * kills,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["faults"] == [], told
    return told


def test_what_one_call_leaves_open_is_not_settled_by_another() -> None:
    promises = Promises()
    mine, theirs = ("record", "did:plc:a", "x/1"), ("record", "did:plc:b", "x/1")
    promises.begin({mine: "new"})
    promises.begin({theirs: "new"})
    promises.settle({}, [mine])
    assert promises.broken_by({theirs: "new"}) == []
    assert len(promises.broken_by({mine: "new"})) == 1
    promises.settle({})
    assert len(promises.broken_by({theirs: "new"})) == 1


@pytest.mark.slow
def test_killed_fifty_times_at_any_point_nothing_promised_is_lost() -> None:
    told = campaign(seed=3, kills=50)
    assert told["kills"] == 50
    assert told["indexes"] == 2
    # Kills met calls that were under way.
    assert told["open"] >= 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_killed_two_thousand_times(seed: int) -> None:
    assert campaign(seed, 100)["kills"] == 100


def client() -> aiohttp.ClientSession:
    """Make an HTTP client that opens as many connections as there are calls."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )


@pytest.mark.slow
async def test_killed_amid_a_thousand_writes_nothing_promised_is_lost(
    tmp_path: Path,
) -> None:
    ours = Appliance(data=tmp_path)
    dice = random.Random(20)  # noqa: S311
    async with client() as http:
        members = [await join(http, ours.pds, "member") for _ in range(MEMBERS)]
        post = await members[0].write_post("like me")
        keys = {each.did: await signing_key(http, ours.plc, each.did) for each in members}
    star = f"{post.uri} {post.cid}"
    ledger = Ledger(TidClock(lambda: time.time_ns() // 1000))
    ledger.records[members[0].did] = {f"{POST}/{post.rkey}": post.cid}
    streams = [StreamWitness(base, keys) for base in (ours.pds, ours.relay)]
    killed_amid = 0
    for _ in range(KILLS + SPARE_ROUNDS):
        writes = ledger.plan(members, WRITES, star, dice)
        async with client() as http:
            speak_to(members, http)
            async with asyncio.TaskGroup() as tasks:
                for stream in streams:
                    listening = asyncio.Event()
                    tasks.create_task(stream.listen(http, listening))
                    await asyncio.wait_for(listening.wait(), 60)
                await crowd(ledger, writes, dice.randrange(50, WRITES - 50), ours.popen.kill)
        # On a busy machine all answers may be on their way already: that was no kill amid writes.
        killed_amid += bool(ledger.unanswered)
        ours.kill()
        assert ours.complaints() == []
        ours = Appliance(data=tmp_path)
        async with client() as http:
            speak_to(members, http)
            await check(http, ours, ledger, streams, keys)
            await check_counts(members, ledger, post.uri)
        if killed_amid == KILLS:
            break
    assert killed_amid == KILLS
    async with client() as http:
        speak_to(members, http)
        await check_feeds(members, ledger)
    ours.finish()


def speak_to(members: list[Member], http: aiohttp.ClientSession) -> None:
    for member in members:
        member.http = http


async def check(
    http: aiohttp.ClientSession,
    ours: Appliance,
    ledger: Ledger,
    streams: list[StreamWitness],
    keys: dict[str, PublicKey],
) -> None:
    """Every repo verifies, holds what was promised, and its events lead exactly to it."""
    states, found = {}, {}
    for did, key in keys.items():
        states[did], found[did] = await verified_repo(http, ours.pds, did, key)
    ledger.settle(found)
    for stream in streams:

        async def caught_up(stream: StreamWitness = stream) -> bool:
            await stream.catch_up(http)
            return stream.states == states

        await soon(caught_up, bool)
    listed = await Client(http, ours.pds).get("com.atproto.sync.listRepos")
    assert {each["did"]: each["rev"] for each in listed["repos"]} == {
        did: str(state.rev) for did, state in states.items()
    }


async def check_counts(members: list[Member], ledger: Ledger, star: str) -> None:
    """The AppView counts what the repos hold."""
    wanted = {member.did: count(ledger, member.did, POST) for member in members}
    likers = sum(count(ledger, member.did, LIKE) > 0 for member in members)
    dids = [member.did for member in members]

    async def seen() -> tuple[dict[str, int], int]:
        found = await members[0].get("app.bsky.actor.getProfiles", actors=dids)
        posts = await members[0].get("app.bsky.feed.getPosts", uris=[star])
        counts = {each["did"]: each["postsCount"] for each in found["profiles"]}
        return counts, posts["posts"][0]["likeCount"]

    await soon(seen, lambda got: got == (wanted, likers))


def count(ledger: Ledger, did: str, collection: str) -> int:
    return sum(path.startswith(f"{collection}/") for path in ledger.records[did])


async def check_feeds(members: list[Member], ledger: Ledger) -> None:
    """The AppView shows every post of the repos, and no other."""
    for member in members:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await members[0].get(
                "app.bsky.feed.getAuthorFeed", actor=member.did, limit=100, **cursor
            )
            seen += [item["post"]["uri"] for item in page["feed"]]
            if "cursor" not in page:
                break
            cursor = {"cursor": page["cursor"]}
        paths = [path for path in ledger.records[member.did] if path.startswith(f"{POST}/")]
        assert sorted(seen) == sorted(f"at://{member.did}/{path}" for path in paths)
        names = await member.profile()
        assert names["displayName"].startswith("name ")
