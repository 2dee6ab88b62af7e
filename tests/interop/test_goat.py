"""Every verb of goat, the network's command line, that has to do with a PDS.

The version that can be installed looks up identities at the public directory alone; what needs
another one passes with later versions (`HEARTH_GO_BIN`), and here fails by goat's own doing.
"""

import asyncio
import json
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import Operator
from tests.support.go_programs import program

pytestmark = [pytest.mark.slow, pytest.mark.go]

PASSWORD = "pw-long-enough"
CODE = re.compile(r"[A-Z2-7]{5}-[A-Z2-7]{5}")
_names = count()


class GoatFailed(AssertionError):
    """A verb ended with an error."""


@dataclass
class Goat:
    """A goat in a folder of its own, with the session of one account."""

    folder: Path
    network: Appliance
    operator: Operator
    name: str
    did: str = ""

    async def __call__(self, *args: str) -> str:
        """Run a verb; give what it wrote. Raises GoatFailed."""
        done = await asyncio.to_thread(self._run, args)
        if done.returncode:
            raise GoatFailed(f"goat {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

    def _run(self, args: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        home = str(self.folder)
        places = dict.fromkeys(("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"), home)
        return subprocess.run(  # noqa: S603
            [program("goat"), *args],
            cwd=self.folder,
            env={**os.environ, **places, "ATP_PLC_HOST": self.network.plc},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    async def json(self, *args: str) -> Any:
        return json.loads(await self(*args))

    async def public(self, *args: str) -> str | None:
        """Run a verb that looks up an identity; None where this goat knows one directory only."""
        if knows_other_directories():
            return await self(*args)
        with pytest.raises(GoatFailed, match=r"plc\.directory"):
            await self(*args)
        return None

    def write(self, name: str, value: Any) -> str:
        (self.folder / name).write_text(json.dumps(value), encoding="utf-8")
        return name

    async def join(self) -> "Goat":
        """Open an account and sign in."""
        handle = f"{self.name}.test"
        about = ("--handle", handle, "--password", PASSWORD, "--email", f"{handle}@example.com")
        told = await self("account", "create", "--pds-host", self.network.pds, *about)
        assert handle in told
        found = re.search(r"did:plc:\w+", told)
        assert found is not None
        self.did = found[0]
        login = ("-u", self.did, "-p", PASSWORD, "--pds-host", self.network.pds)
        await self("account", "login", *login)
        return self

    async def code(self) -> str:
        """Have a code sent, and read it in the operator's mail."""
        await self("account", "plc", "request-token")
        mails = (await self.operator.get("internal.hearth.pds.listMail", limit=1))["mails"]
        found = CODE.search(mails[0]["body"])
        assert found is not None
        return found[0]


@cache
def knows_other_directories() -> bool:
    told = subprocess.run(  # noqa: S603
        [program("goat"), "--help"], capture_output=True, text=True, check=True, timeout=300
    )
    return "--plc-host" in told.stdout


@pytest.fixture
async def goat(network: Appliance, http: aiohttp.ClientSession, tmp_path: Path) -> Goat:
    operator = Operator(http, network.pds, network.operator_token)
    return await Goat(tmp_path, network, operator, f"goat{os.getpid()}x{next(_names)}").join()


async def test_goat_reads_what_a_pds_is_and_how_an_account_stands(goat: Goat) -> None:
    about = await goat.json("pds", "describe", goat.network.pds)
    assert about["did"] == "did:web:localhost"
    assert goat.did in await goat("account", "status", goat.did)
    token = await goat("account", "service-auth", "--aud", "did:web:example.com")
    assert token.count(".") == 2
    assert await goat("account", "missing-blobs") == ""
    await goat("account", "deactivate")
    status = await goat.operator.get("com.atproto.sync.getRepoStatus", did=goat.did)
    assert status["status"] == "deactivated"
    await goat("account", "activate")
    status = await goat.operator.get("com.atproto.sync.getRepoStatus", did=goat.did)
    assert status["active"]
    await goat("account", "update-handle", f"{goat.name}-new.test")
    found = await goat.operator.get("com.atproto.repo.describeRepo", repo=goat.did)
    assert found["handle"] == f"{goat.name}-new.test"
    told = await goat.public("resolve", goat.did)
    assert told is None or json.loads(told)["id"] == goat.did
    await goat("account", "logout")
    with pytest.raises(GoatFailed):
        await goat("account", "missing-blobs")


async def test_goat_writes_and_reads_records_and_blobs(goat: Goat) -> None:
    post = {"$type": "app.bsky.feed.post", "text": "hello", "createdAt": "2026-01-01T00:00:00Z"}
    made = await goat("record", "create", goat.write("post.json", post))
    uri = made.split()[0]
    assert uri.startswith(f"at://{goat.did}/app.bsky.feed.post/")
    profile = {"$type": "app.bsky.actor.profile", "displayName": "one"}
    await goat("record", "create", "--rkey", "self", goat.write("profile.json", profile))
    profile["displayName"] = "two"
    await goat("record", "update", "--rkey", "self", goat.write("profile.json", profile))
    (goat.folder / "blob.bin").write_bytes(os.urandom(1000))
    blob = await goat.json("blob", "upload", "blob.bin")
    thing = goat.write("thing.json", {"$type": "com.example.thing", "blob": blob})
    with pytest.raises(GoatFailed, match="Unknown lexicon type"):
        await goat("record", "create", thing)
    await goat("record", "create", "--no-validate", thing)
    at = f"at://{goat.did}/app.bsky.actor.profile/self"
    for verb in (("get",), ("record", "get")):
        told = await goat.public(*verb, at)
        assert told is None or json.loads(told) == profile
    for verb in (("ls",), ("record", "list")):
        told = await goat.public(*verb, goat.did)
        assert told is None or (told.count("\n"), uri.rpartition("/")[2] in told) == (3, True)
    cid = blob["ref"]["$link"]
    told = await goat.public("blob", "list", goat.did)
    assert told is None or told.strip() == cid
    told = await goat.public("blob", "download", goat.did, cid, "-o", "got.bin")
    same = (goat.folder / "blob.bin").read_bytes()
    assert told is None or (goat.folder / "got.bin").read_bytes() == same
    told = await goat.public("blob", "export", goat.did)
    assert told is None or (goat.folder / f"{goat.did}_blobs" / cid).read_bytes() == same
    gone = ("--collection", "app.bsky.feed.post", "--rkey", uri.rpartition("/")[2])
    await goat("record", "delete", *gone)
    left = await goat.operator.get(
        "com.atproto.repo.listRecords", repo=goat.did, collection="app.bsky.feed.post"
    )
    assert left["records"] == []


async def test_goat_reads_takes_and_brings_back_a_repo(goat: Goat) -> None:
    for number in range(20):
        post = {"$type": "app.bsky.feed.post", "createdAt": "2026-01-01T00:00:00Z"}
        await goat("record", "create", goat.write("post.json", {**post, "text": f"{number}"}))
    told = await goat.public("repo", "export", goat.did, "-o", "repo.car")
    if told is None:
        url = f"{goat.network.pds}/xrpc/com.atproto.sync.getRepo?did={goat.did}"
        async with goat.operator.http.get(url) as answer:
            (goat.folder / "repo.car").write_bytes(await answer.read())
    head = await goat.operator.get("com.atproto.sync.getLatestCommit", did=goat.did)
    shown = await goat("repo", "inspect", "repo.car")
    assert goat.did in shown
    assert head["rev"] in shown
    assert (await goat("repo", "ls", "repo.car")).count("app.bsky.feed.post/") == 20
    assert (await goat("repo", "mst", "repo.car")).count("◉") > 20
    await goat("repo", "unpack", "repo.car")
    unpacked = list((goat.folder / goat.did).rglob("*.json"))
    assert len([path for path in unpacked if "app.bsky.feed.post" in str(path)]) == 20
    await goat("repo", "import", "repo.car")
    after = await goat.operator.get(
        "com.atproto.repo.listRecords", repo=goat.did, collection="app.bsky.feed.post", limit=100
    )
    assert len(after["records"]) == 20


async def test_goat_changes_an_identity_and_moves_its_account(goat: Goat) -> None:
    recommended = await goat.json("account", "plc", "recommended")
    made = await goat("key", "generate", "--type", "P-256")
    found = re.search(r"did:key:\w+", made)
    assert found is not None
    await goat("account", "plc", "add-rotation-key", "--token", await goat.code(), found[0])
    current = await goat.json("account", "plc", "current")
    assert current["rotationKeys"] == [*recommended["rotationKeys"], found[0]]
    wanted = goat.write("wanted.json", recommended)
    signed = await goat.json("account", "plc", "sign", "--token", await goat.code(), wanted)
    await goat("account", "plc", "submit", goat.write("signed.json", signed))
    current = await goat.json("account", "plc", "current")
    assert current["rotationKeys"] == recommended["rotationKeys"]
    post = {"$type": "app.bsky.feed.post", "text": "hello", "createdAt": "2026-01-01T00:00:00Z"}
    await goat("record", "create", goat.write("post.json", post))
    before = await goat.operator.get("com.atproto.sync.getLatestCommit", did=goat.did)
    other = await asyncio.to_thread(
        Appliance, "--plc", goat.network.plc, *("--handle-domain", ".two")
    )
    try:
        new = ("--new-handle", f"{goat.name}.two", "--new-password", PASSWORD)
        mail = ("--new-email", f"{goat.name}@two.example.com")
        code = ("--plc-token", await goat.code())
        await goat("account", "migrate", "--pds-host", other.pds, *new, *mail, *code)
        there = Operator(goat.operator.http, other.pds, other.operator_token)
        status = await there.get("com.atproto.sync.getRepoStatus", did=goat.did)
        assert status["active"]
        assert status["rev"] > before["rev"]
        here = await goat.operator.get("com.atproto.sync.getRepoStatus", did=goat.did)
        assert here["status"] == "deactivated"
        data = await goat.json("plc", "data", goat.did)
        assert data["services"]["atproto_pds"]["endpoint"] == other.pds
        if knows_other_directories():
            await administers(goat, other)
    finally:
        other.finish()


async def administers(goat: Goat, other: Appliance) -> None:
    """Do as the operator what later versions can."""

    async def admin(*args: str) -> str:
        door = ("--pds-host", other.pds, "--admin-password", other.operator_token)
        return await goat("pds", "admin", *door, *args)

    assert f"{goat.did}\tactive" in await admin("account", "list")
    assert f"{goat.did}\tactive" in await goat("pds", "account", "list", other.pds)
    await admin("account", "update", "--email", f"new-{goat.name}@example.com", goat.did)
    await admin("account", "update", "--handle", f"new-{goat.name}.two", goat.did)
    info = json.loads(await admin("account", "info", goat.did))
    assert info["email"] == f"new-{goat.name}@example.com"
    assert info["handle"] == f"new-{goat.name}.two"
    assert "new password: " in await admin("account", "reset-password", goat.did)
    codes = await admin("create-invites", "-n", "2", "--uses", "3")
    assert len(codes.split()) == 2
    await admin("account", "takedown", goat.did)
    assert f"{goat.did}\ttakendown" in await admin("account", "list")
    await admin("account", "takedown", "--reverse", goat.did)
    handle = f"made-{goat.name}.two"
    about = ("--handle", handle, "--password", PASSWORD, "--email", f"{handle}@example.com")
    assert handle in await admin("account", "create", *about)
    await admin("account", "delete", goat.did)
    assert goat.did not in await admin("account", "list")
