"""A folder that the reference PDS made, taken over by ours: nobody who lives there notices."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from appliance.atproto.car import read_car
from appliance.atproto.xrpc.frames import decode_frame
from tests.support.appliance import ROOT, Appliance, Process
from tests.support.client import (
    PASSWORD,
    Client,
    Member,
    Operator,
    Refused,
    join,
    now,
    sign_in,
)
from tests.support.far_app import FarApp
from tests.support.node import FOLDER, node
from tests.support.oauth_client import CALLBACK
from tests.support.ports import free_port
from tests.support.stream import frames, subscribed

# So many live there, and so many of them do all that people do.
PEOPLE = 120
BUSY = 8
POSTS = 15


@dataclass
class Person:
    """What somebody had at the reference PDS."""

    did: str
    handle: str
    refresh: str
    app_password: str
    status: str = ""
    head: dict[str, Any] = field(default_factory=dict)
    repo: bytes = b""
    blobs: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Old:
    """The folder that is left, and what is known of it."""

    folder: Path
    port: int
    people: list[Person]
    invite: str
    seq: int
    hidden: str
    listed: list[tuple[str, str]]
    app: FarApp | None = None


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def plc() -> AsyncIterator[Appliance]:
    """A network whose directory everybody uses."""
    network = Appliance()
    yield network
    network.finish()


async def live(http: aiohttp.ClientSession, base: str, name: str) -> Person:
    """Open an account at the reference PDS and do what people do."""
    member = await join(http, base, name)
    posts = [await member.write_post(f"post {number} of {name}") for number in range(POSTS)]
    await member.delete(posts[0])
    person = Person(member.did, member.handle, member.refresh, "")
    for number in range(3):
        content = b"\x89PNG\r\n\x1a\n" + os.urandom(100 + number)
        blob = await member.upload(content, "image/png")
        images = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
        await member.write_post("a picture", embed=images)
        person.blobs[blob["ref"]["$link"]] = content
    made = await member.post("com.atproto.server.createAppPassword", name="an app")
    person.app_password = made["password"]
    return person


async def live_briefly(http: aiohttp.ClientSession, base: str, name: str, friend: str) -> Person:
    """Open an account at the reference PDS, write a few things, take some back, follow somebody."""
    member = await join(http, base, name)
    content = b"\x89PNG\r\n\x1a\n" + os.urandom(64)
    blob = await member.upload(content, "image/png")
    posts: list[dict[str, Any]] = [
        {"$type": "app.bsky.feed.post", "text": f"{n} of {name}", "createdAt": now()}
        for n in range(POSTS)
    ]
    posts[0]["embed"] = {
        "$type": "app.bsky.embed.images",
        "images": [{"alt": "", "image": blob}],
    }
    create, delete = (f"com.atproto.repo.applyWrites#{verb}" for verb in ("create", "delete"))
    kinds = {"app.bsky.feed.post": posts, "app.bsky.graph.follow": [
        {"$type": "app.bsky.graph.follow", "subject": friend, "createdAt": now()}
    ]}  # fmt: skip
    writes = [
        {"$type": create, "collection": kind, "value": value}
        for kind, values in kinds.items()
        for value in values
    ]
    made = await member.post("com.atproto.repo.applyWrites", repo=member.did, writes=writes)
    gone = made["results"][POSTS - 1]["uri"].rpartition("/")[2]
    taken_back = [{"$type": delete, "collection": "app.bsky.feed.post", "rkey": gone}]
    await member.post("com.atproto.repo.applyWrites", repo=member.did, writes=taken_back)
    person = Person(member.did, member.handle, member.refresh, "")
    person.blobs[blob["ref"]["$link"]] = content
    return person


async def close_some(http: aiohttp.ClientSession, base: str, operator: Operator, old: Old) -> None:
    """Have somebody rest, take somebody down, hide a post, rename somebody."""
    resting, down, renamed = old.people[-3:]
    member = await sign_in(http, base, resting.handle, PASSWORD)
    await member.post("com.atproto.server.deactivateAccount")
    resting.status = "deactivated"
    update = "com.atproto.admin.updateSubjectStatus"
    takedown = {"applied": True, "ref": "case 1"}
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": down.did}
    await operator.post(update, subject=subject, takedown=takedown)
    down.status = "takendown"
    stranger = Client(http, base)
    listed = await stranger.get(
        "com.atproto.repo.listRecords", repo=old.people[0].did, collection="app.bsky.feed.post"
    )
    post = listed["records"][-1]
    subject = {"$type": "com.atproto.repo.strongRef", "uri": post["uri"], "cid": post["cid"]}
    await operator.post(update, subject=subject, takedown=takedown)
    old.hidden = post["uri"]
    renamed.handle = "changed-name.test"
    await operator.post(
        "com.atproto.admin.updateAccountHandle", did=renamed.did, handle=renamed.handle
    )


async def let_in(http: aiohttp.ClientSession, person: Person, app: FarApp) -> None:
    """Have somebody let an app in at the reference PDS, as its own pages do it."""
    page = app.origin + await app.ask()
    cookies: dict[str, str] = {}

    async def send(verb: str, url: str, site: str, mode: str, **body: Any) -> str:
        headers = {
            "Origin": app.origin,
            "Referer": page,
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": mode,
            "Sec-Fetch-Dest": "document" if verb == "GET" else "empty",
            "Cookie": "; ".join(f"{name}={text}" for name, text in cookies.items()),
            "x-csrf-token": cookies.get("csrf-token", ""),
        }
        async with http.request(verb, url, headers=headers, json=body or None) as answer:
            cookies.update({name: each.value for name, each in answer.cookies.items()})
            text = await answer.text()
            assert answer.status == 200, text
            return text

    api = f"{app.origin}/@atproto/oauth-provider/~api"
    await send("GET", page, "none", "navigate")
    known = {"locale": "en", "username": person.handle, "password": PASSWORD, "remember": True}
    await send("POST", f"{api}/sign-in", "same-origin", "same-origin", **known)
    agreed = {"did": person.did, "scope": app.scope}
    told = await send("POST", f"{api}/consent", "same-origin", "same-origin", **agreed)
    code = parse_qs(urlsplit(json.loads(told)["url"]).query)["code"][0]
    assert (await app.exchange(code)).status == 200


@pytest.fixture
async def old(http: aiohttp.ClientSession, plc: Appliance, tmp_path: Path) -> Old:
    """A reference PDS that was lived in, and stopped."""
    folder, port = tmp_path / "pds", free_port()
    secrets = {
        "PDS_JWT_SECRET": token_hex(16),
        "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": token_hex(32),
        "PDS_DPOP_SECRET": token_hex(32),
    }
    command = [node(), str(FOLDER / "reference_pds.mjs"), "--plc", plc.plc]
    command += ["--port", str(port), "--data", str(folder)]
    for name, value in secrets.items():
        command += ["--set", f"{name}={value}"]
    process = Process(command)
    base = process.report["url"]
    stranger = Client(http, base)
    people = [await live(http, base, f"p{number}x") for number in range(BUSY)]
    for start in range(BUSY, PEOPLE, 8):
        together = range(start, min(start + 8, PEOPLE))
        lives = (live_briefly(http, base, f"p{number}x", people[0].did) for number in together)
        people += await asyncio.gather(*lives)
    operator = Operator(http, base, process.report["adminPassword"])
    invite = (await operator.post("com.atproto.server.createInviteCode", useCount=3))["code"]
    for person in people:
        person.head = await stranger.get("com.atproto.sync.getLatestCommit", did=person.did)
        person.repo = await stranger.get("com.atproto.sync.getRepo", did=person.did)
    app = FarApp.at(base, CALLBACK)
    await let_in(http, people[0], app)
    left = Old(folder, port, people, invite, 0, "", [], app)
    await close_some(http, base, operator, left)
    repos = (await stranger.get("com.atproto.sync.listRepos", limit=1000))["repos"]
    left.listed = standing(repos)
    left.seq = await newest_seq(http, base)
    process.stop()
    lines = [f"{name}={value}" for name, value in secrets.items()]
    lines += ["PDS_HOSTNAME=localhost", "PDS_SERVICE_HANDLE_DOMAINS=.test", "# a comment"]
    lines += ["PDS_BLOBSTORE_DISK_LOCATION=/pds/blobs", "PDS_INVITE_REQUIRED=true"]
    (folder / "pds.env").write_text("\n".join(lines) + "\n")
    return left


def standing(repos: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(repo["did"], repo.get("status", "")) for repo in repos]


async def newest_seq(http: aiohttp.ClientSession, base: str) -> int:
    """Read the stream from its beginning to where it stands; give the last number."""
    seq = 0
    async with subscribed(http, base, 0) as socket:
        # Twice as long as the reference leaves between two looks at what is new.
        async for frame in frames(http, base, socket, quiet=1.0):
            seq = int(decode_frame(frame).body["seq"])
    return seq


def adopt(old: Old, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "appliance", "adopt", str(old.folder), "--data", str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def cut_off(old: Old, data: Path) -> None:
    """Begin to take over, and be killed in the middle."""
    command = [sys.executable, "-m", "appliance", "adopt", str(old.folder), "--data", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.kill()


@pytest.mark.slow
async def test_a_reference_pds_is_taken_over_whole(
    http: aiohttp.ClientSession, plc: Appliance, old: Old, tmp_path: Path
) -> None:
    data = tmp_path / "ours"
    before = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    cut_off(old, data)
    done = adopt(old, data)
    assert done.returncode == 0, done.stderr
    assert "was here already" in done.stdout
    assert f"/{PEOPLE}  {old.people[-1].handle}  {POSTS} records, 1 blobs" in done.stdout
    after = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    assert after == before

    network = Appliance("--plc", plc.plc, "--port", str(old.port), "--invites", data=data)
    try:
        await check_people(http, network, old)
    finally:
        network.finish()


async def check_people(http: aiohttp.ClientSession, network: Appliance, old: Old) -> None:
    stranger = Client(http, network.pds)
    operator = Operator(http, network.pds, network.operator_token)
    listed = await stranger.get("com.atproto.sync.listRepos", limit=1000)
    assert standing(listed["repos"]) == old.listed
    for person in old.people:
        of = {"did": person.did}
        reader = operator if person.status else stranger
        assert await reader.get("com.atproto.sync.getLatestCommit", **of) == person.head
        repo = await reader.get("com.atproto.sync.getRepo", **of)
        assert set(read_car(repo).blocks) == set(read_car(person.repo).blocks)
        for cid, content in person.blobs.items():
            assert await reader.get("com.atproto.sync.getBlob", cid=cid, **of) == content
    await check_states(http, network, old)
    person = old.people[0]
    # The session of an app that was open goes on; passwords of both kinds open the door.
    renewal = Client(http, network.pds, person.refresh)
    session = await renewal.post("com.atproto.server.refreshSession")
    app = await sign_in(http, network.pds, person.handle, person.app_password)
    with pytest.raises(Exception, match="Bad token scope"):
        await app.post("com.atproto.server.createAppPassword", name="more")
    for _ in range(2):  # by the old hash, then by the new
        await sign_in(http, network.pds, person.handle, PASSWORD)
    member = Member(http, network.pds, session)
    post = await member.write_post("still here")
    head = await stranger.get("com.atproto.sync.getLatestCommit", did=person.did)
    assert head["rev"] > person.head["rev"]
    await member.finds(post)
    await check_app(network, old)
    # The rotation key came along: the handle can be changed in the directory.
    await member.post("com.atproto.identity.updateHandle", handle="renamed.test")
    await join(http, network.pds, "guest", inviteCode=old.invite)
    codes = await operator.get("com.atproto.admin.getInviteCodes")
    assert [len(code["uses"]) for code in codes["codes"] if code["code"] == old.invite] == [1]


async def check_states(http: aiohttp.ClientSession, network: Appliance, old: Old) -> None:
    """What rested, was hidden or was renamed there, is so here; numbers go on above theirs."""
    stranger = Client(http, network.pds)
    resting, down, renamed = old.people[-3:]
    for person, error in ((resting, "RepoDeactivated"), (down, "RepoTakendown")):
        with pytest.raises(Refused, match=error):
            await stranger.get("com.atproto.sync.getRepo", did=person.did)
    with pytest.raises(Refused, match="AccountTakedown"):
        await sign_in(http, network.pds, down.handle, PASSWORD)
    found = await stranger.get("com.atproto.identity.resolveHandle", handle=renamed.handle)
    assert found["did"] == renamed.did
    did, collection, rkey = old.hidden.removeprefix("at://").split("/")
    with pytest.raises(Refused, match="RecordNotFound"):
        await stranger.get("com.atproto.repo.getRecord", repo=did, collection=collection, rkey=rkey)
    member = await sign_in(http, network.pds, resting.handle, PASSWORD)
    await member.post("com.atproto.server.activateAccount")
    assert await newest_seq(http, network.pds) > old.seq > PEOPLE * 3


async def check_app(network: Appliance, old: Old) -> None:
    """An app that was let in renews its tokens by the one it has."""
    assert old.app is not None
    old.app.origin = network.pds
    first = old.app.tokens["refresh_token"]
    for _ in range(2):
        renewed = await old.app.refresh()
        assert renewed.status == 200, renewed
        assert renewed.json["sub"] == old.people[0].did
        assert renewed.json["scope"] == old.app.scope
    assert (await old.app.refresh(refresh_token=first)).error == "invalid_grant"


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    nothing = Old(tmp_path / "nothing", 0, [], "", 0, "", [])
    nothing.folder.mkdir()
    refused = adopt(nothing, tmp_path / "ours")
    assert refused.returncode == 1
    assert "holds no account.sqlite" in refused.stderr
    assert "Traceback" not in refused.stderr
