"""A network from home gets a public name: `hearth publish`, while it runs and while not."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from appliance.settings import defaults
from appliance.settings_file import save
from tests.support.appliance import ROOT, SECONDS_TO_START, Appliance
from tests.support.client import Client, Member, Ref, sign_in
from tests.support.commands import hearth
from tests.support.ending import end
from tests.support.ports import free_port

PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def world() -> Iterator[Appliance]:
    """Somebody else's network, whose directory plays the public one."""
    other = Appliance()
    yield other
    other.finish()


def make_home(data: Path) -> str:
    """Write the settings of a network at home; give the address of its front door."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    values = {
        "network.handle_domains": (".smiths.home",),
        "pds.hostname": "smiths.home",
        "pds.public_url": url,
        "pds.invites_required": False,
        "door.host": "127.0.0.1",
        "door.port": port,
        "admin.port": 0,
        "dev.allow_loopback": True,
    }
    data.mkdir()
    save(defaults("home", data).with_values(values))
    return url


@contextmanager
def running(data: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run it as a service manager does, until it answers."""
    log = (data.parent / "log").open("ab")
    command = [sys.executable, "-m", "appliance", "run", "--data", str(data)]
    with log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603
    try:
        asyncio.run(answers(url))
        yield process
    finally:
        status = end(process)
    assert status == 0
    assert b"Traceback" not in (data.parent / "log").read_bytes()


async def answers(url: str) -> None:
    until = time.monotonic() + SECONDS_TO_START
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                await Client(http, url).get("com.atproto.server.describeServer")
            except aiohttp.ClientConnectionError:
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            else:
                return


async def move_in(url: str) -> tuple[str, str]:
    """Open an account at home and write a post; give the DID and the post's CID."""
    async with aiohttp.ClientSession() as http:
        fields = {"handle": "ann.smiths.home", "email": "ann@mail.test", "password": PASSWORD}
        session = await Client(http, url).post("com.atproto.server.createAccount", **fields)
        ann = Member(http, url, session)
        post = await ann.write_post("from home")
        return ann.did, post.cid


async def state(plc: str, did: str) -> tuple[str, list[str]]:
    async with aiohttp.ClientSession() as http, http.get(f"{plc}/{did}/data") as answer:
        found = await answer.json()
        return found["services"]["atproto_pds"]["endpoint"], found["alsoKnownAs"]


async def posts(url: str, handle: str) -> list[str]:
    async with aiohttp.ClientSession() as http:
        ann = await sign_in(http, url, handle, PASSWORD)
        listed = await ann.get(
            "com.atproto.repo.listRecords", repo=ann.did, collection="app.bsky.feed.post"
        )
        await ann.finds(Ref.of(listed["records"][0]))
        assert await ann.author_feed() == [record["uri"] for record in listed["records"]]
        return [record["cid"] for record in listed["records"]]


@pytest.mark.parametrize("runs", [True, False])
def test_the_same_people_and_posts_have_a_public_name(
    world: Appliance, tmp_path: Path, runs: bool
) -> None:
    data = tmp_path / "data"
    url = make_home(data)
    name = f"smiths{runs:d}.example.org"
    publish = ("publish", name, "--directory", world.plc, "--anyway")
    with running(data, url):
        did, cid = asyncio.run(move_in(url))
        if runs:
            done = hearth(*publish, data=data)
            assert done.returncode == 0, done.stderr
            # Ann's, and that of the network itself.
            assert "2 of 2 identities name the new address" in done.stdout
            assert asyncio.run(posts(url, f"ann.{name}")) == [cid]
    if not runs:
        done = hearth(*publish, data=data)
        assert (done.returncode, "once it does" in done.stdout) == (0, True)
        with running(data, url):
            done = hearth(*publish, data=data)
            assert done.returncode == 0, done.stderr
            assert asyncio.run(posts(url, f"ann.{name}")) == [cid]
    found = asyncio.run(state(world.plc, did))
    assert found == (f"https://{name}", [f"at://ann.{name}"])


def test_a_name_that_leads_nowhere_is_told_before_anything_changes(tmp_path: Path) -> None:
    make_home(tmp_path / "data")
    file = tmp_path / "data" / "hearth.toml"
    before = file.read_bytes()
    done = hearth("publish", "nowhere.smiths-at-home.com", data=tmp_path / "data")
    assert (done.returncode, "nothing was changed" in done.stderr) == (1, True)
    for word in ("nowhere.smiths-at-home.com", "expected: ", "to do: "):
        assert word in done.stdout
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["smiths.home.local", "smiths", "Smith s", "10.0.0.1"])
def test_a_name_that_cannot_be_public_is_refused_with_one_that_can(
    tmp_path: Path, name: str
) -> None:
    make_home(tmp_path / "data")
    before = (tmp_path / "data" / "hearth.toml").read_bytes()
    done = hearth("publish", name, data=tmp_path / "data")
    assert done.returncode == 1
    assert "expected: a" in done.stderr
    assert (tmp_path / "data" / "hearth.toml").read_bytes() == before


def test_before_there_is_a_network_nothing_is_published(tmp_path: Path) -> None:
    done = hearth("publish", "smiths.example.org", data=tmp_path)
    assert (done.returncode, "hearth run" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
