"""A network whose servers for names take every question and say nothing: run as a program.

    python -m tests.support.silent_names

In namespaces of its own for the network and for mounts (`unshare -n -m`), where all that is told to
/etc/resolv.conf and to port 53 is nobody else's. Prints as JSON what was seen.
"""

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

import aiohttp
import orjson

from appliance.base.lookups import MOST_AT_ONCE
from tests.support.appliance import Appliance
from tests.support.client import Member, join

SILENT = "127.0.0.9"
# The C library asks so often and waits so long, each time twice as long as before: no machine is so
# slow that this could be what it waits for.
OPTIONS = "options timeout:30 attempts:3"
LOOKUP_SECONDS = 30 + 60 + 120
ADDRESS = b"\x00\x01"
ASKED = 40
TIMES = 5
TIMELINE = "/xrpc/app.bsky.feed.getTimeline"


async def statuses(asked: list[Awaitable[int]]) -> list[int]:
    return sorted(set(await asyncio.gather(*asked)))


async def far_handle(http: aiohttp.ClientSession, pds: str, number: int) -> int:
    params = {"handle": f"somebody{number}.far.example.org"}
    async with http.get(f"{pds}/xrpc/com.atproto.identity.resolveHandle", params=params) as answer:
        return answer.status


async def far_service(http: aiohttp.ClientSession, pds: str, member: Member, number: int) -> int:
    headers = {
        "Authorization": f"Bearer {member.token}",
        "atproto-proxy": f"did:web:appview{number}.far.example.org#bsky_appview",
    }
    async with http.get(f"{pds}{TIMELINE}", headers=headers) as answer:
        return answer.status


async def are_asked_for(silent: socket.socket) -> None:
    """Wait until as many lookups of addresses hang as there may be."""
    loop = asyncio.get_running_loop()
    names: set[bytes] = set()
    async with asyncio.timeout(60):
        while len(names) < MOST_AT_ONCE:
            question = await loop.sock_recv(silent, 512)
            if question[-4:-2] == ADDRESS:
                names.add(question[12:])


async def seen(network: Appliance, silent: socket.socket) -> dict[str, object]:
    """Write and read while names are asked for; then end it, with as many on their way."""
    async with aiohttp.ClientSession() as http:
        ann, bob = [await join(http, network.pds, name) for name in ("ann", "bob")]
        await bob.follow(ann)
        waiting = [far_handle(http, network.pds, number) for number in range(ASKED)]
        waiting += [far_service(http, network.pds, bob, number) for number in range(ASKED)]
        far = asyncio.ensure_future(statuses(list(waiting)))
        await are_asked_for(silent)
        hanging, longest = time.monotonic(), 0.0
        for number in range(TIMES):
            began = time.monotonic()
            await bob.sees(await ann.write_post(f"number {number}"))
            longest = max(longest, time.monotonic() - began)
        answered = await far
        more = [far_service(http, network.pds, bob, number) for number in range(ASKED, 2 * ASKED)]
        last = asyncio.gather(*more, return_exceptions=True)
        await asyncio.sleep(1)
        began = time.monotonic()
        network.popen.send_signal(signal.SIGTERM)
        await asyncio.to_thread(network.popen.wait, 2 * LOOKUP_SECONDS)
        ended = time.monotonic() - began
        hung = began - hanging
        await last
    network.finish()
    return {"longest": longest, "answered": answered, "hung": hung, "ended": ended}


def main() -> None:
    with tempfile.NamedTemporaryFile("w") as told, socket.socket(type=socket.SOCK_DGRAM) as silent:
        Path(told.name).write_text(f"nameserver {SILENT}\n{OPTIONS}\n")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607
        command = ["mount", "--bind", told.name, "/etc/resolv.conf"]
        subprocess.run(command, check=True)  # noqa: S603
        silent.bind((SILENT, 53))
        silent.setblocking(False)
        sys.stdout.write(orjson.dumps(asyncio.run(seen(Appliance(), silent))).decode())


if __name__ == "__main__":
    main()
