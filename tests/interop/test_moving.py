"""An account moves by command: from a reference PDS to ours, and on to another reference PDS.

The command is killed after each of its steps, and given again.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
import orjson
import pytest

from appliance.moving import courses
from appliance.moving.command import NOT_FINISHED
from tests.support.appliance import ROOT, Appliance
from tests.support.client import PASSWORD, Client, Operator, Refused, join, sign_in, soon
from tests.support.held import blobs, live, records
from tests.support.node import SECRETS, ReferencePds
from tests.support.ports import free_port
from tests.support.smtp import SmtpStub, listening
from tests.support.waiting import until

pytestmark = pytest.mark.slow

POSTS = 60
PICTURES = 12
SECONDS = 120
WISH = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}


@dataclass
class World:
    """Our network, and two reference PDSes whose accounts it shows."""

    http: aiohttp.ClientSession
    folder: Path
    post: SmtpStub
    ours: Appliance
    first: ReferencePds
    second: ReferencePds

    def code(self) -> str:
        """Give the code in the newest letter of a reference PDS."""
        letter = self.post.mails[-1].replace("=\r\n", "")
        found = re.findall(r"\b[A-Z2-7]{5}-[A-Z2-7]{5}\b", letter)
        return str(found[-1])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield await open_world(stack, tmp_path)


async def open_world(stack: AsyncExitStack, folder: Path) -> World:
    """Start everything; the stack stops it."""
    http = await stack.enter_async_context(aiohttp.ClientSession())
    post = SmtpStub()
    mail = await stack.enter_async_context(listening(post))
    ports = [free_port(), free_port()]
    crawl = [part for port in ports for part in ("--crawl", f"http://localhost:{port}")]
    ours = await asyncio.to_thread(lambda: Appliance(*crawl, data=folder / "ours"))
    stack.push_async_callback(asyncio.to_thread, ours.finish)
    settings = [f"PDS_EMAIL_SMTP_URL={mail}", "PDS_EMAIL_FROM_ADDRESS=pds@mail.test"]
    appview = [
        f"PDS_BSKY_APP_VIEW_URL={ours.appview}",
        f"PDS_BSKY_APP_VIEW_DID=did:web:{ours.appview.removeprefix('http://').replace(':', '%3A')}",
    ]
    hosts = []
    for port, more in zip(ports, (appview, []), strict=True):
        secrets = [f"{name}={token_hex(32)}" for name in SECRETS]
        host = await asyncio.to_thread(
            ReferencePds, ours.plc, folder / f"host{port}", port, [*secrets, *settings, *more]
        )
        stack.push_async_callback(asyncio.to_thread, host.stop)
        hosts.append(host)
    return World(http, folder, post, ours, *hosts)


def given(world: World, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "appliance", "account", *args, "--data", str(world.ours.data)]
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def done(journal: Path) -> Any:
    """Read what a journal says is done."""
    return orjson.loads(journal.read_bytes())["done"] if journal.exists() else {}


async def killed_after(world: World, step: str, journal: Path, *args: str) -> None:
    """Give a command and kill it as soon as its journal says that a step is done."""
    process = given(world, *args)
    try:
        await until(lambda: process.poll() is not None or step in done(journal), SECONDS)
    finally:
        process.kill()
    _, told = await asyncio.to_thread(process.communicate, timeout=SECONDS)
    assert step in done(journal), told


async def ended(world: World, status: int, *args: str) -> None:
    """Give a command that is to end with a status."""
    process = given(world, *args)
    _, told = await asyncio.to_thread(process.communicate)
    assert process.returncode == status, told


async def in_pieces(world: World, journal: Path, order: list[str], *, coded: bool) -> None:
    """Give a command until it is done, killed after each step."""
    code: list[str] = []
    for step in courses.MOVE:
        if step == "identity" and coded:
            await ended(world, NOT_FINISHED, *order)
            code = ["--code", world.code()]
        await killed_after(world, step, journal, *order, *code)
    await ended(world, 0, *order)
    assert list(done(journal)) == [*courses.MOVE]


async def test_an_account_moves_in_and_out_and_nobody_who_follows_it_notices(
    world: World,
) -> None:
    zoe = await join(world.http, world.first.pds, "zoe")
    fan = await join(world.http, world.ours.pds, "fan")
    await live(zoe, POSTS, PICTURES)
    await fan.follow(zoe)
    await zoe.post("app.bsky.actor.putPreferences", preferences=[WISH])
    before = await records(world.http, world.first.pds, zoe.did)
    pictures = await blobs(world.http, world.first.pds, zoe.did)
    assert (len(before[1]), len(pictures)) == (POSTS, PICTURES)

    async def seen() -> tuple[int, int]:
        try:
            profile = await fan.profile(zoe)
        except Refused:  # between two servers the account may be seen as closed
            return 0, 0
        return profile["postsCount"], profile["followersCount"]

    await soon(seen, lambda found: found == (POSTS, 1), SECONDS)

    password = world.folder / "password"
    password.write_text(PASSWORD)
    into = world.folder / "in"
    order = ["move-in", zoe.handle, "--from", world.first.pds, "--folder", str(into)]
    order += ["--password-file", str(password), "--new-password", PASSWORD]

    await in_pieces(world, into / "move-in.journal.json", order, coded=True)
    assert await records(world.http, world.ours.pds, zoe.did) == before
    assert await blobs(world.http, world.ours.pds, zoe.did) == pictures
    assert await seen() == (POSTS, 1)
    here = await sign_in(world.http, world.ours.pds, zoe.did)
    assert WISH in (await here.get("app.bsky.actor.getPreferences"))["preferences"]
    await fan.sees(await here.write_post("from the new house"), SECONDS)
    assert await seen() == (POSTS + 1, 1)
    left = await Client(world.http, world.first.pds).get(
        "com.atproto.sync.getRepoStatus", did=zoe.did
    )
    assert (left["active"], left["status"]) == (False, "deactivated")

    before = await records(world.http, world.ours.pds, zoe.did)
    out = world.folder / "out"
    order = ["move-out", zoe.did, "--to", world.second.pds, "--folder", str(out)]
    order += ["--new-password", PASSWORD]
    await in_pieces(world, out / "move-out.journal.json", order, coded=False)
    assert await records(world.http, world.second.pds, zoe.did) == before
    assert await blobs(world.http, world.second.pds, zoe.did) == pictures
    there = await sign_in(world.http, world.second.pds, zoe.did)
    operator = Operator(world.http, world.ours.relay, world.ours.operator_token)
    # The reference signs what it took in with the account's new key at the next write only. And
    # what another host says of an account is looked up once a minute; two moves took less.
    await there.write_post("and on")
    await operator.post("internal.hearth.relay.repairAccount", did=zoe.did)
    await soon(seen, lambda found: found == (POSTS + 2, 1), SECONDS)
