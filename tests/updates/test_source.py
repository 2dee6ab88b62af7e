"""Archives from a web server that does not mean well."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.updates import source as source_module
from appliance.updates.channel import BadChannel
from appliance.updates.source import Source


@pytest.fixture
async def place() -> AsyncIterator[str]:
    async def by_drops(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    async def without_end(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))

    app = web.Application()
    app.router.add_get("/by-drops", by_drops)
    app.router.add_get("/without-end", without_end)
    async with TestServer(app) as server:
        yield f"http://localhost:{server.port}"


@pytest.mark.parametrize(
    ("name", "seconds", "told"),
    [("by-drops", 1.0, "too slowly"), ("without-end", 60.0, "larger than what was signed")],
)
async def test_an_archive_has_an_end_in_time_and_in_bytes(
    name: str,
    seconds: float,
    told: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source_module, "SECONDS_TO_FETCH", seconds)
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as http, asyncio.timeout(60):
        with pytest.raises(BadChannel, match=told):
            await Source(place, http).fetch(name, 1_000_000, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()
