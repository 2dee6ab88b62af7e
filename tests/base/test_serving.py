"""A server that ends: nobody is left behind who came in at that moment."""

import asyncio
import contextlib
import gc
import socket
from pathlib import Path

import pytest
from aiohttp import web

from appliance.base.serving import end, shut


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_while_a_server_ends_is_hung_up_on(tmp_path: Path, turns: int) -> None:
    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    path = tmp_path / "door.sock"
    server = await asyncio.get_running_loop().create_unix_server(runner.server, path)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
        for _ in range(turns):
            await asyncio.sleep(0)
        await shut(server)
        await end(runner)
        gc.collect()  # a connection that was dropped warns of it here
        caller.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.to_thread(caller.recv, 1) == b""
