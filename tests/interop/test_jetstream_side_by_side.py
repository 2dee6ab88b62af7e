"""Our Jetstream beside the real one, which translates the same stream: the same messages."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.conftest import Join
from tests.interop.test_stream import be_busy
from tests.support.appliance import Appliance
from tests.support.client import Member
from tests.support.go_programs import Program
from tests.support.node import free_port

pytestmark = [pytest.mark.slow, pytest.mark.go]

# Ours has a number of its own, as the second generation of Jetstream has; times are each one's own.
_OWN = re.compile(rb'"time_us":\d+,("cursor":\d+,)?')


@asynccontextmanager
async def real_jetstream(network: Appliance, folder: Path) -> AsyncIterator[str]:
    port = free_port()
    stream = f"{network.relay.replace('http', 'ws', 1)}/xrpc/com.atproto.sync.subscribeRepos"
    options = {
        "--ws-url": stream,
        "--listen-addr": f"127.0.0.1:{port}",
        "--metrics-listen-addr": f"127.0.0.1:{free_port()}",
        "--data-dir": str(folder / "data"),
        "--liveness-ttl": "10m",
        "--override-relay-cursor": "0",
    }
    args = [text for pair in options.items() for text in pair]
    program = Program("jetstream", args, folder)
    try:
        await asyncio.to_thread(program.until_logged, "starting")
        await asyncio.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.stop()


async def heard(
    http: aiohttp.ClientSession, base: str, members: list[Member], until: str
) -> dict[str, list[bytes]]:
    """Read from the beginning until a post with some text; give what each member did, in order."""
    told: dict[str, list[bytes]] = {member.did: [] for member in members}
    params = [("cursor", "1"), *(("wantedDids", member.did) for member in members)]
    async with http.ws_connect(f"{base}/subscribe", params=params, max_msg_size=0) as ws:
        async with asyncio.timeout(15):
            async for message in ws:
                data = message.data.encode()
                event = orjson.loads(data)
                # Go writes "<" as "\\u003c"; else the bytes are compared, order of fields included.
                told[event["did"]].append(_OWN.sub(b"", orjson.dumps(event)))
                if until.encode() in data:
                    break
    return told


async def test_both_say_the_same_of_a_busy_run(
    network: Appliance, newcomer: Join, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    members = [await newcomer(name) for name in ("jeta", "jetb")]
    await asyncio.gather(be_busy(members[0], members[1:], 40), be_busy(members[1], members[:1], 40))
    first = members[0]
    await first.create(
        "com.example.odd",
        text='<a href="x">&amp;</a> \u2028 \u00fc \U0001f600',
        number=2**53 - 1,
        deep={"b": [], "a": None},
    )
    await first.post("com.atproto.identity.updateHandle", handle=f"other-{first.handle}")
    await first.post("com.atproto.server.deactivateAccount")
    await first.post("com.atproto.server.activateAccount")
    async with real_jetstream(network, tmp_path) as real:
        await asyncio.sleep(1.0)
        await first.write_post("and that was all")
        theirs = await heard(http, real, members, "and that was all")
    ours = await heard(http, network.relay, members, "and that was all")
    for member in members:
        assert ours[member.did] == theirs[member.did]
    assert sum(map(len, ours.values())) > 80
