"""Start servers by a command, wait until they answer, stop them."""

import asyncio
import contextlib
import os
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

ROOT = Path(__file__).parents[1]
OURS = "{python} -m appliance try --data {data} --port 0 --json"
REFERENCE = (
    "tests/interop/node_modules/.bin/node22 tests/interop/reference_pds.mjs"
    " --plc {plc} --port {port} --data {data} --production"
)
START_SECONDS = 60.0
STOP_SECONDS = 10.0
HEALTH = {
    "pds_url": "/xrpc/_health",
    "relay_url": "/xrpc/_health",
    "appview_url": "/xrpc/_health",
    "plc_url": "/_health",
    "panel_url": "/",
    "url": "/xrpc/_health",
}


@dataclass(frozen=True)
class Server:
    """A server that answers: the line it printed, its process, how long it took to start."""

    said: dict[str, Any]
    pid: int
    start_seconds: float

    @property
    def pds_url(self) -> str:
        return str(self.said.get("pds_url") or self.said["url"])


@asynccontextmanager
async def started(command: str, plc: str = "") -> AsyncIterator[Server]:
    """Run a command that prints one line of JSON when it is up; stop it in the end.

    {python}, {port}, {data} and {plc} in it are filled in; {data} is removed afterwards. Ours is
    started without the checks of development: answers are not measured by their lexicons.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as data:
        words = [
            word.format(python=sys.executable, port=_free_port(), data=data, plc=plc)
            for word in shlex.split(command)
        ]
        log = Path(data) / "stderr.log"
        begun = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log.open("wb"),
            env={**os.environ, "HEARTH_DEV_VALIDATE_OUTPUTS": "false", "NODE_ENV": "production"},
        )
        try:
            said = await _first_line(process, log)
            await _all_healthy(said)
            # A wrapper names the process that serves.
            pid = int(said.get("pid", process.pid))
            yield Server(said, pid, time.perf_counter() - begun)
        finally:
            await _stop(process)


async def _first_line(process: asyncio.subprocess.Process, log: Path) -> dict[str, Any]:
    """Read the line of JSON. Raises RuntimeError with what the server said instead."""
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stdout:
            if line.startswith(b"{"):
                return dict(orjson.loads(line))
    raise RuntimeError(f"the server did not start: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:]


async def _all_healthy(said: dict[str, Any]) -> None:
    """Wait for a 200 of every role that the line names."""
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
        for name, path in HEALTH.items():
            if name in said:
                await _healthy(http, f"{said[name]}{path}")


async def _healthy(http: aiohttp.ClientSession, url: str) -> None:
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(url) as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(0.01)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
