"""Somebody is killed amid a move: the old server, the new one, or the command that moves.

Whoever was killed is started again, and the command given again. What an account holds is the same
then, byte for byte, and it is active at one server; before that, the journal says what is left.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from appliance.moving.command import NOT_FINISHED
from tests.support.appliance import ROOT, Appliance
from tests.support.client import PASSWORD, Client, Member, Operator, join, sign_in, soon
from tests.support.held import blobs, live, records
from tests.support.moving import mailed_code

pytestmark = pytest.mark.slow

SECONDS = 120
POSTS, PICTURES = 4, 1
# The words of a refusal say each time what to do; so often it may be needed.
MOST_RUNS = 5
Victim = Literal["source", "target", "tool"]
VICTIMS: Final[tuple[Victim, ...]] = ("source", "target", "tool")
# Each takes at least so many calls.
MOVES: Final = {"move-in": 40, "move-out": 50}


@dataclass
class Street:
    """Two houses; `first` has the directory, and its members follow those who move away."""

    folder: Path
    http: aiohttp.ClientSession
    houses: dict[str, Appliance]
    fan: Member
    moved: list[Member] = field(default_factory=list)

    def house(self, name: str) -> Appliance:
        return self.houses[name]

    async def be_followed(self) -> None:
        """Ask the relay of the first house to follow the second, until it does.

        By itself it waits ten minutes and more for a house that went away again and again; one that
        asks is tried at once, but not twice in twenty seconds.
        """
        relay, second = self.houses["first"], self.houses["second"].pds
        operator = Operator(self.http, relay.relay, relay.operator_token)
        host = urlsplit(second).netloc

        async def state() -> str:
            await operator.post("com.atproto.sync.requestCrawl", hostname=second)
            await asyncio.sleep(0.5)  # nor is the relay asked all the time
            found = await operator.get("com.atproto.sync.getHostStatus", hostname=host)
            return str(found["status"])

        await soon(state, {"active", "idle"}.__contains__, SECONDS)

    async def revive(self, name: str) -> None:
        """Start a house that was killed, where it was."""
        gone = self.houses[name]
        await asyncio.to_thread(gone.kill)
        assert gone.complaints() == []
        self.houses[name] = await asyncio.to_thread(opened_house, self.folder, name, self.houses)


def opened_house(folder: Path, name: str, houses: dict[str, Appliance]) -> Appliance:
    """Open a house, or open it again."""
    more: tuple[str, ...] = ()
    if name == "second":
        more = ("--plc", houses["first"].plc, "--handle-domain", ".second.test")
    return Appliance(*more, data=folder / name)


@asynccontextmanager
async def opened_street(folder: Path) -> AsyncIterator[Street]:
    houses: dict[str, Appliance] = {}
    async with AsyncExitStack() as stack:
        for name in ("first", "second"):
            houses[name] = await asyncio.to_thread(opened_house, folder, name, houses)
            stack.callback(partial(_kill, houses, name))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        first = houses["first"]
        street = Street(folder, http, houses, await join(http, first.pds, "fan"))
        await street.be_followed()
        yield street
        for name in ("second", "first"):
            await asyncio.to_thread(houses[name].finish)


def _kill(houses: dict[str, Appliance], name: str) -> None:
    houses[name].kill()


@dataclass
class Move:
    """One account on its way from the first house to the second, and what it was before."""

    street: Street
    kind: str
    member: Member
    before: Any
    order: list[str]
    journal: Path
    code: list[str] = field(default_factory=list)

    @classmethod
    async def of(cls, street: Street, kind: str) -> "Move":
        """Have somebody live at the first house who is going to move."""
        first, second = street.house("first"), street.house("second")
        member = await join(street.http, first.pds, "zoe")
        await live(member, POSTS, PICTURES)
        await street.fan.follow(member)
        before = await held(street, "first", member.did)
        folder = street.folder / f"move-{member.handle}"
        folder.mkdir()
        (folder / "password").write_text(PASSWORD)
        order = [kind, member.did, "--folder", str(folder), "--new-password", PASSWORD]
        if kind == "move-in":
            order += ["--data", str(second.data), "--from", first.pds]
            order += ["--password-file", str(folder / "password")]
            # Asked for before, so that one run does everything.
            await member.post("com.atproto.identity.requestPlcOperationSignature")
        else:
            order += ["--data", str(first.data), "--to", second.pds]
        self = cls(street, kind, member, before, order, folder / f"{kind}.journal.json")
        if kind == "move-in":
            await self.read_code()
        return self

    async def read_code(self) -> None:
        """Look into the mail."""
        first = self.street.house("first")
        self.code = ["--code", await mailed_code(self.street.http, first, self.member.did)]

    async def run(self, call: int = 0, when: str = "before", pid: int = 0) -> tuple[int, str, str]:
        """Give the command; give its status and what it said on stdout and stderr."""
        program = [sys.executable, "-m", "tests.support.struck_move", str(call), when, str(pid)]
        process = await asyncio.create_subprocess_exec(
            *program,
            *self.order,
            *self.code,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        told = err.decode()
        assert "Traceback" not in told, told
        return process.returncode or 0, out.decode(), told

    async def struck(self, victim: Victim, call: int, when: str) -> bool:
        """Give the command and kill; False: it was done before it came to that call."""
        name = {"source": "first", "target": "second"}.get(victim)
        pid = self.street.house(name).popen.pid if name else 0
        status, out, told = await self.run(call, when, pid)
        if status >= 0 and int(out.splitlines()[-1]) < call:
            assert status == 0, (call, when, told)
            return False
        assert (status < 0) == (victim == "tool"), (call, when, told)
        if name:
            await self.street.revive(name)
        return True

    async def is_told(self) -> None:
        """Who is active at both servers, or at none, has a journal that says what is left."""
        states = [
            await is_active(self.street, each, self.member.did) for each in ("first", "second")
        ]
        left = (
            orjson.loads(self.journal.read_bytes())["left"] if self.journal.exists() else ["repo"]
        )
        if all(states):
            assert "close" in left, left
        if not any(states):
            assert "activate" in left, left

    async def finish(self) -> None:
        """Give the command until it is done, doing what it says."""
        told = ""
        for _ in range(MOST_RUNS):
            status, _, told = await self.run()
            await self.is_told()
            if status == 0:
                break
            self.code = []
            if status == NOT_FINISHED:
                await self.read_code()
        else:
            raise AssertionError(told)
        did, http = self.member.did, self.street.http
        assert orjson.loads(self.journal.read_bytes())["left"] == []
        assert await held(self.street, "second", did) == self.before
        assert not await is_active(self.street, "first", did)
        assert await is_active(self.street, "second", did)
        self.street.moved.append(await sign_in(http, self.street.house("second").pds, did))


async def held(street: Street, name: str, did: str) -> Any:
    """Give root, records and whole blobs of an account."""
    base = street.house(name).pds
    return await records(street.http, base, did), await blobs(street.http, base, did)


async def is_active(street: Street, name: str, did: str) -> bool:
    stranger = Client(street.http, street.house(name).pds)
    answer = await stranger.raw("GET", "/xrpc/com.atproto.sync.getRepoStatus", params={"did": did})
    return answer.status == 200 and bool(answer.json["active"])


async def followers_see_all(street: Street) -> None:
    """Whoever followed them before goes on reading them."""
    await street.be_followed()
    for member in street.moved:
        post = await member.write_post("from the new house")
        await street.fan.sees(post, SECONDS)
        feed = await street.fan.author_feed(member)
        assert len(feed) == POSTS + 1
        profile = await soon(
            partial(street.fan.profile, member), lambda seen: seen["postsCount"] > POSTS
        )
        assert (profile["postsCount"], profile["followersCount"]) == (POSTS + 1, 1)


async def calls_of(street: Street, kind: str) -> int:
    """Move somebody undisturbed; count the calls that takes."""
    move = await Move.of(street, kind)
    status, out, told = await move.run()
    assert status == 0, told
    await move.finish()
    return int(out.splitlines()[-1])


async def test_killed_at_some_calls_of_a_move_nothing_is_lost(tmp_path: Path) -> None:
    dice = random.Random(27)  # noqa: S311
    points: list[tuple[str, Victim]] = [
        ("move-in", "source"),
        ("move-out", "target"),
        ("move-in", "tool"),
    ]
    async with opened_street(tmp_path) as street:
        for kind, victim in points:
            call, when = dice.randrange(1, MOVES[kind]), dice.choice(["before", "after"])
            move = await Move.of(street, kind)
            assert await move.struck(victim, call, when)
            await move.is_told()
            await move.finish()
        await followers_see_all(street)


@pytest.mark.long
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("kind", MOVES)
async def test_killed_at_every_call_of_a_move_nothing_is_lost(
    tmp_path: Path, kind: str, victim: Victim
) -> None:
    async with opened_street(tmp_path) as street:
        calls = await calls_of(street, kind)
        for call in range(1, calls + 1):
            for when in ("before", "after"):
                move = await Move.of(street, kind)
                # How many there are differs by one or two.
                assert await move.struck(victim, call, when) or call > calls - 3, (call, when)
                await move.is_told()
                await move.finish()
        await followers_see_all(street)
