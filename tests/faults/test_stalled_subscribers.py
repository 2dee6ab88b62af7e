"""Two hundred subscribers that take nothing: they cost little memory, and nobody waits for them."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from appliance.firehose.events import CommitEvent, parse
from tests.support.appliance import Appliance
from tests.support.client import Member, join
from tests.support.stream import subscribed

pytestmark = pytest.mark.slow

STALLED = 200
KIND = "test.hearth.page"
PAGES, PAGE = 300, "x" * 16_000
# Of the whole process, with more in the log than the sockets between two programs hold.
MOST_GROWTH_KB = 34_000
# So late a page may be with those who read; it takes some hundredths where nobody else works.
SECONDS = 20
UPGRADE = (
    "GET /xrpc/com.atproto.sync.subscribeRepos?cursor=0 HTTP/1.1\r\nHost: {host}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@contextmanager
def stalled(base: str) -> Iterator[socket.socket]:
    """Subscribe, and read nothing after the answer."""
    place = urlsplit(base)
    with socket.socket() as caller:
        caller.settimeout(60)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect((place.hostname, place.port))
        caller.sendall(UPGRADE.format(host=place.netloc).encode())
        assert caller.recv(12) == b"HTTP/1.1 101"
        yield caller


def memory_kb(process: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1])


async def write_pages(member: Member, socket: aiohttp.ClientWebSocketResponse) -> list[float]:
    """Write one after the other; give for each how late it was with who listens."""
    late = []
    for number in range(PAGES):
        await member.create(KIND, text=PAGE, number=number)
        answered = time.perf_counter()
        while not isinstance(parse(await socket.receive_bytes(timeout=60)), CommitEvent):
            pass
        late.append(time.perf_counter() - answered)
    return late


async def test_two_hundred_that_take_nothing_cost_little_and_delay_nobody(
    http: aiohttp.ClientSession,
) -> None:
    ours = await asyncio.to_thread(Appliance)
    ann = await join(http, ours.pds, "ann")
    with ExitStack() as stack:
        async with subscribed(http, ours.pds) as listener:
            await write_pages(ann, listener)
            before = memory_kb(ours.popen.pid)
            for _ in range(STALLED):
                await asyncio.to_thread(stack.enter_context, stalled(ours.pds))
            late = await write_pages(ann, listener)
            grown = memory_kb(ours.popen.pid) - before
        assert grown < MOST_GROWTH_KB
        assert sorted(late)[PAGES // 2] < SECONDS
        # Those that take nothing hold up no end, either.
        await asyncio.to_thread(ours.finish)
