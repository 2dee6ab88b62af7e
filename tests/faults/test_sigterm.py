"""Told to end amid everything at once: it ends soon, says so, and leaves nothing half done."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.xrpc.bodies import IDLE_SECONDS
from appliance.base.connection import Connection
from appliance.upkeep.backup_journal import Course, Journal, ask
from tests.support.appliance import Appliance
from tests.support.client import Member, Ref, join
from tests.support.invariants import Promises, faults_in
from tests.support.stream import subscribed
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# As the service's own manager gives it; it takes one or two where nobody else works.
SECONDS_TO_END = 60
SUBSCRIBERS = 200
WRITERS = 6
KIND = "test.hearth.page"
# More than the sockets between two programs of one machine hold.
PAGES, PAGE = 160, "x" * 60_000
FILM = bytes(range(256)) * 4 * 8000
LEFT_OVER = ("backup-staging", "backup-rehearsal")


@dataclass
class Seen:
    """What those who were there when it ended have seen."""

    acknowledged: list[Ref] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    downloaded: int = 0


async def large_repo(member: Member) -> bytes:
    """Fill a repo; give its archive."""
    for first in range(0, PAGES, 10):
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": KIND,
                "rkey": f"page{number}",
                "value": {"$type": KIND, "text": PAGE, "number": number},
            }
            for number in range(first, first + 10)
        ]
        await member.post("com.atproto.repo.applyWrites", repo=member.did, writes=writes)
    where = "/xrpc/com.atproto.sync.getRepo"
    archive = await member.raw("GET", where, params={"did": member.did})
    return archive.body


async def half_of(body: bytes, sent: asyncio.Event) -> AsyncIterator[bytes]:
    """Send one half, and of the other a byte now and then: who falls silent is sent away."""
    half = len(body) // 2
    for start in range(0, half, 1 << 16):
        yield body[start : min(half, start + (1 << 16))]
    sent.set()
    for start in range(half, half + 600):
        await asyncio.sleep(IDLE_SECONDS / 30)
        yield body[start : start + 1]


async def send_half(
    member: Member, nsid: str, kind: str, body: bytes, sent: asyncio.Event, seen: Seen
) -> None:
    """Begin a request whose end never comes; say how it was ended."""
    headers = {
        "Authorization": f"Bearer {member.token}",
        "Content-Type": kind,
        "Content-Length": str(len(body)),
    }
    try:
        async with member.http.post(
            f"{member.base}/xrpc/{nsid}", data=half_of(body, sent), headers=headers
        ) as answer:
            seen.answers.append(f"{answer.status} {(await answer.json())['error']}")
    except aiohttp.ClientError:
        seen.answers.append("closed")


@contextmanager
def download(member: Member) -> Iterator[socket.socket]:
    """Ask for a repo, and take nothing of it but the beginning of the answer."""
    place = urlsplit(member.base)
    with socket.socket() as caller:
        caller.settimeout(60)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect((place.hostname, place.port))
        where = f"/xrpc/com.atproto.sync.getRepo?did={member.did}"
        caller.sendall(f"GET {where} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        assert caller.recv(12) == b"HTTP/1.1 200"
        yield caller


def rest_of(caller: socket.socket) -> int:
    """Read what is still to come, until the other side ends it; give the bytes."""
    size = 0
    with suppress(ConnectionError):
        while piece := caller.recv(1 << 16):
            size += len(piece)
    return size


async def subscribe(
    http: aiohttp.ClientSession, base: str, seen: Seen, begun: Callable[[], None]
) -> None:
    async with subscribed(http, base) as socket:
        begun()
        async for _ in socket:
            pass
        seen.closed.append(socket.close_code)


async def write_on(member: Member, seen: Seen) -> None:
    """Write until nobody answers."""
    number = 0
    while True:
        try:
            seen.acknowledged.append(await member.write_post(f"post {number}"))
        except aiohttp.ClientError:
            return
        number += 1


@pytest.fixture
def slow_restic(tmp_path: Path) -> Path:
    """Put a restic before the real one that stores slowly; give its folder."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "restic"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("restic")} --limit-upload 50 "$@"\n')
    program.chmod(0o755)
    return folder


def programs_with(word: str) -> list[int]:
    """Name the processes that have a word in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            said = (folder / "cmdline").read_bytes() if folder.name.isdecimal() else b""
        except OSError:
            continue  # it has just ended
        if word.encode() in said and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


async def all_at_once(ours: Appliance, seen: Seen) -> float:
    """Have everything under way, tell it to end, and wait for what they see of that."""
    connector = aiohttp.TCPConnector(limit=0)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), connector=connector)
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        ann, bob = await join(http, ours.pds, "ann"), await join(http, ours.pds, "bob")
        archive = await large_repo(bob)
        listening = asyncio.Semaphore(0)
        for number in range(SUBSCRIBERS):
            base = ours.relay if number % 2 else ours.pds
            group.create_task(subscribe(http, base, seen, listening.release))
        for _ in range(SUBSCRIBERS):
            await asyncio.wait_for(listening.acquire(), 60)
        for member, nsid, kind, body in (
            (ann, "com.atproto.repo.uploadBlob", "video/mp4", FILM),
            (bob, "com.atproto.repo.importRepo", "application/vnd.ipld.car", archive),
        ):
            sent = asyncio.Event()
            group.create_task(send_half(member, nsid, kind, body, sent, seen))
            await asyncio.wait_for(sent.wait(), 60)
        caller = stack.enter_context(download(bob))
        ask(ours.data, "now")
        await until(lambda: (at := Course.read(ours.data)) and at.what == "storing")
        for _ in range(WRITERS):
            group.create_task(write_on(ann, seen))
        await until(lambda: len(seen.acknowledged) > 100)
        assert list((ours.data / "blobs/incoming").iterdir())
        took = await asyncio.to_thread(ours.stop)
        seen.downloaded = await asyncio.to_thread(rest_of, caller)
    return took


def left_in(data: Path) -> list[str]:
    """Name what is there and should not be when nothing runs."""
    found = [name for name in LEFT_OVER if (data / name).exists()]
    return found + [path.name for path in (data / "blobs").rglob("*") if path.is_file()]


def written(data: Path) -> set[tuple[str, str]]:
    """Name the records there are, with their CIDs."""
    with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
        return {
            (f"at://{did}/{path}", str(Cid(cid)))
            for did, path, cid in conn.rows(
                "SELECT did, path, cid FROM record JOIN repo ON repo.id = record.repo"
            )
        }


async def test_told_to_end_amid_everything_it_ends_soon_and_leaves_nothing_half_done(
    tmp_path: Path, slow_restic: Path
) -> None:
    data, copies, seen = tmp_path / "data", tmp_path / "copies", Seen()
    data.mkdir(0o700)
    Journal().note(data, taken_at=time.time(), proven_at=time.time())
    env = {
        "HEARTH_BACKUP_TARGET": str(copies),
        "PATH": f"{slow_restic}:{os.environ['PATH']}",
    }
    ours = await asyncio.to_thread(lambda: Appliance(data=data, env=env))
    assert await all_at_once(ours, seen) < SECONDS_TO_END
    assert (ours.popen.returncode, ours.complaints()) == (0, []), ours.stderr()
    # Whoever was there was told, or saw the connection end; nobody takes a half for a whole.
    assert seen.closed == [aiohttp.WSCloseCode.SERVICE_RESTART] * SUBSCRIBERS
    assert set(seen.answers) <= {"closed", "503 ServiceUnavailable"}
    assert 0 < seen.downloaded < PAGES * len(PAGE)
    # What was acknowledged is there; what was not left nothing behind, not even the backup.
    assert {(ref.uri, ref.cid) for ref in seen.acknowledged} <= written(data)
    await until(lambda: programs_with(str(tmp_path)) == [])
    assert left_in(data) == []
    assert list((copies / "locks").iterdir()) == []
    assert [fault for fault in faults_in(data, Promises()) if "nobody opened" not in fault] == []
    anew = await asyncio.to_thread(lambda: Appliance(data=data))
    await asyncio.to_thread(anew.finish)
